package main

import (
	"testing"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

func TestEveryNameHasAFunction(t *testing.T) {
	names := map[string]bool{"busybox": true}
	for _, name := range applet.Names() {
		names[name] = true
		if applets[name] == nil && name != "busybox" {
			t.Errorf("%s is in the table of names and has no function", name)
		}
	}
	for name := range applets {
		if !names[name] {
			t.Errorf("%s has a function and is not in the table of names", name)
		}
	}
}
