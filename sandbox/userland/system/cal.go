package system

import (
	"fmt"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// calendar prints months.
type calendar struct {
	julian bool // days of the year
	monday bool // weeks begin on Monday
}

// width is that of a day's column.
func (k calendar) width() int {
	if k.julian {
		return 4
	}
	return 3
}

// span is the width of a month.
func (k calendar) span() int { return 7*k.width() - 1 }

// Cal prints the calendar of a month or a year.
func Cal(c *applet.Context) int {
	o := c.Getopt("jmy")
	c.NArgs(0, 2)
	k := calendar{julian: o.Has("j"), monday: o.Has("m")}
	now := c.Now()
	year, month := now.Year(), int(now.Month())
	number := func(text string, max int) int {
		n := c.Number(text, nil)
		if n < 1 || n > int64(max) {
			c.Fatalf("number %s is not in 1..%d range", text, max)
		}
		return int(n)
	}
	switch len(c.Args) {
	case 0:
		if o.Has("y") {
			month = 0
		}
	case 1:
		year, month = number(c.Args[0], 9999), 0
	case 2:
		year = number(c.Args[1], 9999)
		month = number(c.Args[0], 12)
	}
	if month == 0 {
		k.year(c, year)
		return 0
	}
	c.Out.WriteString(strings.TrimRight(centred(fmt.Sprintf("%s %d", time.Month(month), year), k.span()), " ") + "\n")
	c.Out.WriteString(k.header() + "\n")
	for _, line := range k.month(year, month) {
		c.Out.WriteString(strings.TrimRight(line, " ") + blank(line) + "\n")
	}
	return 0
}

// blank keeps the spaces of a week without days, those of a whole column more.
func blank(line string) string {
	if strings.Trim(line, " ") == "" {
		return line + " "
	}
	return ""
}

// centred puts spaces on both sides.
func centred(text string, width int) string {
	left := (width - len(text)) / 2
	return strings.Repeat(" ", left) + text + strings.Repeat(" ", width-len(text)-left)
}

func (k calendar) header() string {
	names := []string{"Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"}
	if k.monday {
		names = append(names[1:], names[0])
	}
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%*s", k.width(), name)
	}
	return b.String()[1:]
}

// The month in which Britain left out eleven days, as all calendars of Unix have it.
const (
	reformYear  = 1752
	reformMonth = 9
	reformDay   = 2 // the last before
	reformed    = 11
)

// leap reports whether a year has a leap day: every fourth did before the reform.
func leap(year int) bool {
	if year <= reformYear {
		return year%4 == 0
	}
	return year%4 == 0 && year%100 != 0 || year%400 == 0
}

func daysIn(year, month int) int {
	days := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && leap(year) {
		days++
	}
	return days
}

// dayOfYear counts from 1.
func dayOfYear(year, month, day int) int {
	for m := 1; m < month; m++ {
		day += daysIn(year, m)
	}
	return day
}

// weekday is 0 for Sunday; a day of 1 January of the year 1 was a Saturday.
func weekday(year, month, day int) int {
	y := year - 1
	n := y*365 + y/4 + dayOfYear(year, month, day)
	if year > reformYear || year == reformYear && (month > reformMonth || month == reformMonth && day > reformDay) {
		n -= reformed
		if y > 1700 {
			n -= (y - 1700) / 100
		}
		if y > 1600 {
			n += (y - 1600) / 400
		}
	}
	return (n + 5) % 7
}

// month returns the six weeks of a month, each as wide as span.
func (k calendar) month(year, month int) [6]string {
	var weeks [6]strings.Builder
	column := weekday(year, month, 1)
	if k.monday {
		column = (column + 6) % 7
	}
	row := 0
	for range column {
		weeks[0].WriteString(strings.Repeat(" ", k.width()))
	}
	for day := 1; day <= daysIn(year, month); day++ {
		if year == reformYear && month == reformMonth && day == reformDay+1 {
			day += reformed
		}
		shown := day
		if k.julian {
			shown = dayOfYear(year, month, day)
		}
		fmt.Fprintf(&weeks[row], "%*d", k.width(), shown)
		if column++; column == 7 {
			column = 0
			row++
		}
	}
	var lines [6]string
	for i := range weeks {
		line := weeks[i].String()
		lines[i] = (line + strings.Repeat(" ", 7*k.width()-len(line)))[1:]
	}
	return lines
}

// blankLine is the width of a line of a year that has no days.
const blankLine = 79

// year prints three months beside each other, two with days of the year.
func (k calendar) year(c *applet.Context, year int) {
	beside, gap := 3, "  "
	if k.julian {
		beside = 2
	}
	// The title is centred over all of it.
	total := beside*k.span() + (beside-1)*len(gap)
	title := fmt.Sprint(year)
	c.Out.WriteString(centred(title, total) + "\n\n")
	for first := 1; first <= 12; first += beside {
		var names, headers, weeks [6]string
		months := make([][6]string, beside)
		for i := range beside {
			names[i] = centred(time.Month(first+i).String(), k.span())
			headers[i] = k.header()
			months[i] = k.month(year, first+i)
		}
		c.Out.WriteString(strings.Join(names[:beside], gap) + "\n" + strings.Join(headers[:beside], gap) + "\n")
		for row := range weeks {
			line := ""
			for i := range beside {
				if i > 0 {
					line += gap
				}
				line += months[i][row]
			}
			if line = strings.TrimRight(line, " "); line == "" {
				line = strings.Repeat(" ", blankLine) // as busybox does
			}
			c.Out.WriteString(line + "\n")
		}
	}
}
