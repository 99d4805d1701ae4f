package main

import (
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/awk"
	"github.com/sockerless/sockerless/sandbox/userland/core"
	"github.com/sockerless/sockerless/sandbox/userland/text"
)

// applets holds the function of every name in the applet table.
var applets = map[string]applet.Func{
	"awk":   awk.Awk,
	"cat":   text.Cat,
	"echo":  core.Echo,
	"false": core.False,
	"true":  core.True,
}
