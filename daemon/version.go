package daemon

import (
	"runtime/debug"
	"sync"
)

// version is set by the build (-ldflags -X).
var version = "0.1.0-dev"

// Version returns the daemon's version.
func Version() string { return version }

// Commit returns the short hash of the commit that the daemon was built from, or "unknown".
var Commit = sync.OnceValue(func() string {
	if hash := setting("vcs.revision"); len(hash) >= 7 {
		return hash[:7]
	}
	return "unknown"
})

// BuildTime returns the time of that commit (RFC 3339), or "".
var BuildTime = sync.OnceValue(func() string { return setting("vcs.time") })

// setting looks up what the go tool noted at the build.
func setting(key string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
