package applet

import (
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Location returns the time zone that TZ names: a file of /usr/share/zoneinfo or a POSIX rule such as
// "CET-1CEST,M3.5.0,M10.5.0/3"; /etc/localtime without TZ, UTC without that.
func (c *Context) Location() *time.Location {
	tz, ok := Lookup(c.Environ(), "TZ")
	if !ok {
		return zoneFile("/etc/localtime", "Local")
	}
	tz = strings.TrimPrefix(tz, ":")
	switch {
	case tz == "" || tz == "UTC" || tz == "UTC0":
		return time.UTC
	case strings.HasPrefix(tz, "/"):
		return zoneFile(tz, tz)
	case strings.ContainsAny(tz, "0123456789,<") && !strings.Contains(tz, "/") || strings.Contains(tz, ","):
		return posixZone(tz)
	}
	return zoneFile("/usr/share/zoneinfo/"+tz, tz)
}

func zoneFile(path, name string) *time.Location {
	data, err := ReadFile(path)
	if err == nil {
		if loc, err := time.LoadLocationFromTZData(name, data); err == nil {
			return loc
		}
	}
	if name != "Local" && strings.ContainsAny(name, "0123456789") {
		return posixZone(name)
	}
	return time.UTC
}

// posixZone makes a location of a POSIX TZ rule by wrapping it in an otherwise empty TZif file (RFC 8536), whose
// footer is such a rule.
func posixZone(rule string) *time.Location {
	name := rule
	if i := strings.IndexAny(rule, "+-0123456789,"); i > 0 && rule[0] != '<' {
		name = rule[:i]
	}
	if name == "" || len(name) > 60 {
		return time.UTC
	}
	head := func(version byte) string {
		// One type, no transitions, the name's characters.
		return "TZif" + string(version) + strings.Repeat("\x00", 15+4*4) + "\x00\x00\x00\x01" + "\x00\x00\x00" + string(rune(len(name)+1))
	}
	body := "\x00\x00\x00\x00\x00\x00" + name + "\x00"
	loc, err := time.LoadLocationFromTZData(name, []byte(head('2')+body+head('2')+body+"\n"+rule+"\n"))
	if err != nil {
		return time.UTC
	}
	return loc
}

// Time converts a timespec to a time in a location.
func Time(ts abi.Timespec, loc *time.Location) time.Time { return time.Unix(ts.Sec, ts.Nsec).In(loc) }

// Now returns the present time in the zone of TZ.
func (c *Context) Now() time.Time { return Time(sys.Now(), c.Location()) }
