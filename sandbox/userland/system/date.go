package system

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/files"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Date prints the time or sets it.
func Date(c *applet.Context) int {
	o := c.Getopt("Rs:ud:r:I::D:", "rfc-2822=R", "rfc-822=R", "set=s", "utc=u", "universal=u", "date=d", "reference=r", "iso-8601=I")
	now := c.Now()
	if o.Has("u") {
		now = now.In(time.UTC)
	}
	format := ""
	text, given := o.Arg('d')
	set, setting := o.Arg('s')
	for _, arg := range c.Args {
		switch {
		case strings.HasPrefix(arg, "+") && format == "":
			format = arg[1:]
			if format == "" {
				format = "\n"
			}
		case !setting && !given:
			set, setting = arg, true
		default:
			c.Usage()
		}
	}
	t := now
	if name, ok := o.Arg('r'); ok {
		st, err := sys.Stat(name)
		if err != nil {
			c.Fatalf("can't stat '%s': %s", name, applet.Strerror(err))
		}
		t = applet.Time(st.Mtim, now.Location())
	}
	if setting {
		text, given = set, true
	}
	if given {
		var ok bool
		if in, has := o.Arg('D'); has {
			t, ok = parseBy(in, text, now)
		} else {
			t, ok = files.ParseDate(text, now)
		}
		if !ok {
			c.Fatalf("invalid date '%s'", text)
		}
	}
	code := 0
	if setting {
		if err := sys.ClockSettime(abi.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}); err != nil {
			c.Errorf("can't set date: %s", applet.Strerror(err))
			code = 1
		}
	}
	switch {
	case format != "":
	case o.Has("I"):
		switch spec := o.Str('I'); {
		case spec == "" || strings.HasPrefix("date", spec):
			format = "%Y-%m-%d"
		case strings.HasPrefix("hours", spec):
			format = "%Y-%m-%dT%H%:z"
		case strings.HasPrefix("minutes", spec):
			format = "%Y-%m-%dT%H:%M%:z"
		case strings.HasPrefix("seconds", spec):
			format = "%Y-%m-%dT%H:%M:%S%:z"
		case strings.HasPrefix("ns", spec):
			format = "%Y-%m-%dT%H:%M:%S,%N%:z"
		default:
			c.Usage()
		}
	case o.Has("R"):
		format = "%a, %d %b %Y %H:%M:%S %z"
	default:
		format = "%a %b %e %H:%M:%S %Z %Y"
	}
	if format == "\n" {
		format = ""
	}
	c.Out.WriteString(Strftime(format, t) + "\n")
	return code
}

// parseBy reads a date by a format of strptime(3).
func parseBy(format, text string, now time.Time) (time.Time, bool) {
	layout := strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%e", "_2", "%H", "15", "%M", "04", "%S", "05", "%y", "06", "%b", "Jan", "%h", "Jan",
		"%B", "January", "%a", "Mon", "%A", "Monday", "%T", "15:04:05", "%R", "15:04", "%F", "2006-01-02", "%D", "01/02/06", "%Z", "MST", "%z", "-0700",
		"%j", "002", "%I", "03", "%p", "PM", "%n", " ", "%t", " ", "%%", "%").Replace(format)
	if format == "%s" {
		n, err := strconv.ParseInt(text, 10, 64)
		return time.Unix(n, 0).In(now.Location()), err == nil
	}
	t, err := time.ParseInLocation(layout, text, now.Location())
	if err == nil && !strings.Contains(layout, "2006") && !strings.Contains(layout, "06") {
		t = t.AddDate(now.Year(), 0, 0)
	}
	return t, err == nil
}

// Strftime formats a time as strftime(3) does in the C locale, with %N for nanoseconds.
func Strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		fill := byte(0)
		for strings.IndexByte("-_0^#", format[i]) >= 0 && i+1 < len(format) {
			fill = format[i]
			i++
		}
		if (format[i] == 'E' || format[i] == 'O') && i+1 < len(format) {
			i++
		}
		if format[i] == ':' && i+1 < len(format) && format[i+1] == 'z' {
			i++
			b.WriteString(t.Format("-07:00"))
			continue
		}
		conversion(&b, t, format[i], fill)
	}
	return b.String()
}

func conversion(b *strings.Builder, t time.Time, x, fill byte) {
	number := func(n, width int, pad byte) {
		switch fill {
		case '-':
			width = 0
		case '_':
			pad = ' '
		case '0':
			pad = '0'
		}
		s := strconv.Itoa(n)
		for k := len(s); k < width; k++ {
			b.WriteByte(pad)
		}
		b.WriteString(s)
	}
	word := func(s string) {
		if fill == '^' {
			s = strings.ToUpper(s)
		}
		b.WriteString(s)
	}
	hour12 := (t.Hour()+11)%12 + 1
	isoYear, isoWeek := t.ISOWeek()
	switch x {
	case 'a':
		word(t.Format("Mon"))
	case 'A':
		word(t.Format("Monday"))
	case 'b', 'h':
		word(t.Format("Jan"))
	case 'B':
		word(t.Format("January"))
	case 'c':
		b.WriteString(t.Format("Mon Jan _2 15:04:05 2006"))
	case 'C':
		number(t.Year()/100, 2, '0')
	case 'd':
		number(t.Day(), 2, '0')
	case 'D', 'x':
		b.WriteString(t.Format("01/02/06"))
	case 'e':
		number(t.Day(), 2, ' ')
	case 'F':
		b.WriteString(t.Format("2006-01-02"))
	case 'g':
		number(isoYear%100, 2, '0')
	case 'G':
		number(isoYear, 0, '0')
	case 'H':
		number(t.Hour(), 2, '0')
	case 'I':
		number(hour12, 2, '0')
	case 'j':
		number(t.YearDay(), 3, '0')
	case 'k':
		number(t.Hour(), 2, ' ')
	case 'l':
		number(hour12, 2, ' ')
	case 'm':
		number(int(t.Month()), 2, '0')
	case 'M':
		number(t.Minute(), 2, '0')
	case 'n':
		b.WriteByte('\n')
	case 'N':
		fmt.Fprintf(b, "%09d", t.Nanosecond())
	case 'p':
		word(t.Format("PM"))
	case 'P':
		b.WriteString(t.Format("pm"))
	case 'r':
		b.WriteString(t.Format("03:04:05 PM"))
	case 'R':
		b.WriteString(t.Format("15:04"))
	case 's':
		b.WriteString(strconv.FormatInt(t.Unix(), 10))
	case 'S':
		number(t.Second(), 2, '0')
	case 't':
		b.WriteByte('\t')
	case 'T', 'X':
		b.WriteString(t.Format("15:04:05"))
	case 'u':
		number((int(t.Weekday())+6)%7+1, 0, '0')
	case 'U':
		number((t.YearDay()+6-int(t.Weekday()))/7, 2, '0')
	case 'V':
		number(isoWeek, 2, '0')
	case 'w':
		number(int(t.Weekday()), 0, '0')
	case 'W':
		number((t.YearDay()+6-(int(t.Weekday())+6)%7)/7, 2, '0')
	case 'y':
		number(t.Year()%100, 2, '0')
	case 'Y':
		number(t.Year(), 0, '0')
	case 'z':
		b.WriteString(t.Format("-0700"))
	case 'Z':
		b.WriteString(zoneName(t))
	case '%':
		b.WriteByte('%')
	default:
		b.WriteString("%" + string(x))
	}
}

func zoneName(t time.Time) string {
	name, _ := t.Zone()
	return strings.Trim(name, "<>")
}
