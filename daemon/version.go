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
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 7 {
			return s.Value[:7]
		}
	}
	return "unknown"
})
