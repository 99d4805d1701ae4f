package container

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/sockerless/sockerless/sandbox"
)

// Top lists the tasks of a running container as ps(1) would with the arguments psArgs; "" is "-ef". Arguments that
// choose columns are understood, others are an error.
func (m *Manager) Top(_ context.Context, ref, psArgs string) (types.TopResponse, error) {
	var none types.TopResponse
	c, err := m.get(ref)
	if err != nil {
		return none, err
	}
	columns, err := psColumns(psArgs)
	if err != nil {
		return none, err
	}
	c.mu.Lock()
	st := c.state
	c.mu.Unlock()
	if st.Restarting {
		return none, conflict("Container %s is restarting, wait until the container is running", c.id)
	}
	box := c.box.open()
	if !st.Running || box == nil {
		return none, notRunning(c.id)
	}
	r := types.TopResponse{Processes: [][]string{}}
	for _, col := range columns {
		r.Titles = append(r.Titles, col.title)
	}
	at := time.Now()
	for _, task := range box.Tasks() {
		line := make([]string, len(columns))
		for i, col := range columns {
			line[i] = col.value(&task, at)
		}
		r.Processes = append(r.Processes, line)
	}
	m.emit(c, events.ActionTop)
	return r, nil
}

// column is a column of ps(1).
type column struct {
	title string
	value func(t *sandbox.TaskInfo, now time.Time) string
}

// psColumns chooses the columns for arguments of ps(1).
func psColumns(args string) ([]column, error) {
	words := strings.Fields(args)
	if len(words) == 0 {
		words = []string{"-ef"}
	}
	layout := "pid,tty,time,ucmd"
	var chosen []string
	for i := 0; i < len(words); i++ {
		letters, dash := strings.CutPrefix(words[i], "-")
		if list, ok := strings.CutPrefix(letters, "-format"); ok && dash {
			if list = strings.TrimPrefix(list, "="); list == "" && i+1 < len(words) {
				i++
				list = words[i]
			}
			chosen = append(chosen, list)
			continue
		}
		for j, l := range letters {
			switch l {
			case 'e', 'A', 'w', 'H':
			case 'a', 'x':
				if layout == "pid,tty,time,ucmd" {
					layout = "pid,tty,stat,bsdtime,args"
				}
			case 'u':
				layout = "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,bsdtime,args"
			case 'f':
				if dash {
					layout = "uid,pid,ppid,c,stime,tty,time,cmd"
				}
			case 'o':
				list := letters[j+1:]
				if list == "" && i+1 < len(words) {
					i++
					list = words[i]
				}
				chosen = append(chosen, list)
			default:
				return nil, invalid("ps: argument not supported: %s", words[i])
			}
			if l == 'o' {
				break
			}
		}
	}
	if len(chosen) > 0 {
		layout = strings.Join(chosen, ",")
	}
	var columns []column
	pid := false
	for _, name := range strings.FieldsFunc(layout, func(r rune) bool { return r == ',' }) {
		col, ok := psColumn(name)
		if !ok {
			return nil, invalid("ps: error: unknown user-defined format specifier %q", name)
		}
		pid = pid || col.title == "PID"
		columns = append(columns, col)
	}
	if !pid {
		return nil, invalid("Couldn't find PID field in ps output")
	}
	return columns, nil
}

// psColumn knows the columns by their names in ps -o.
func psColumn(name string) (column, bool) {
	text := func(title string, f func(t *sandbox.TaskInfo) string) (column, bool) {
		return column{title, func(t *sandbox.TaskInfo, _ time.Time) string { return f(t) }}, true
	}
	switch strings.ToLower(name) {
	case "pid":
		return text("PID", func(t *sandbox.TaskInfo) string { return strconv.Itoa(t.Pid) })
	case "ppid":
		return text("PPID", func(t *sandbox.TaskInfo) string { return strconv.Itoa(t.Ppid) })
	case "uid", "euid", "ruid":
		if name == "uid" { // in ps -f, where it shows a name
			return text("UID", func(t *sandbox.TaskInfo) string { return t.User })
		}
		return text(strings.ToUpper(name), func(t *sandbox.TaskInfo) string { return strconv.Itoa(int(t.UID)) })
	case "user", "euser", "ruser", "uname":
		return text("USER", func(t *sandbox.TaskInfo) string { return t.User })
	case "tty", "tt", "tname":
		return text("TTY", func(t *sandbox.TaskInfo) string { return t.TTY })
	case "s", "state":
		return text("S", func(t *sandbox.TaskInfo) string { return string(t.State) })
	case "stat":
		return text("STAT", func(t *sandbox.TaskInfo) string { return string(t.State) })
	case "cmd":
		return text("CMD", func(t *sandbox.TaskInfo) string { return t.Command })
	case "args", "command":
		return text("COMMAND", func(t *sandbox.TaskInfo) string { return t.Command })
	case "comm", "ucmd", "ucomm":
		title := "COMMAND"
		if name == "ucmd" {
			title = "CMD"
		}
		return text(title, func(t *sandbox.TaskInfo) string {
			first, _, _ := strings.Cut(t.Command, " ")
			return first[strings.LastIndexByte(first, '/')+1:]
		})
	case "rss", "rssize":
		return text("RSS", func(t *sandbox.TaskInfo) string { return strconv.FormatInt(t.Memory>>10, 10) })
	case "vsz", "vsize":
		return text("VSZ", func(t *sandbox.TaskInfo) string { return strconv.FormatInt(t.Memory>>10, 10) })
	case "%mem", "pmem":
		return text("%MEM", func(t *sandbox.TaskInfo) string {
			return fmt.Sprintf("%.1f", 100*float64(t.Memory)/float64(max(hostMemory(), 1)))
		})
	case "%cpu", "pcpu":
		return column{"%CPU", func(t *sandbox.TaskInfo, at time.Time) string { return fmt.Sprintf("%.1f", cpuShare(t, at)) }}, true
	case "c":
		return column{"C", func(t *sandbox.TaskInfo, at time.Time) string { return strconv.Itoa(int(cpuShare(t, at))) }}, true
	case "time", "cputime":
		return text("TIME", func(t *sandbox.TaskInfo) string { return clock(time.Duration(t.CPUNanos)) })
	case "bsdtime":
		return text("TIME", func(t *sandbox.TaskInfo) string {
			s := t.CPUNanos / 1e9
			return fmt.Sprintf("%d:%02d", s/60, s%60)
		})
	case "etime":
		return column{"ELAPSED", func(t *sandbox.TaskInfo, at time.Time) string {
			return strings.TrimPrefix(clock(at.Sub(time.Unix(t.StartUnix, 0))), "00:")
		}}, true
	case "stime", "start", "start_time":
		title := strings.ToUpper(strings.TrimSuffix(name, "_time"))
		return column{title, func(t *sandbox.TaskInfo, at time.Time) string {
			start := time.Unix(t.StartUnix, 0)
			if start.YearDay() == at.YearDay() && start.Year() == at.Year() {
				return start.Format("15:04")
			}
			return start.Format("Jan02")
		}}, true
	case "lstart":
		return text("STARTED", func(t *sandbox.TaskInfo) string { return time.Unix(t.StartUnix, 0).Format(time.ANSIC) })
	case "ni", "nice":
		return text("NI", func(*sandbox.TaskInfo) string { return "0" })
	case "nlwp", "thcount":
		return text("NLWP", func(*sandbox.TaskInfo) string { return "1" }) // tasks have one thread
	}
	return column{}, false
}

// cpuShare is the CPU time of a task as a percentage of its life.
func cpuShare(t *sandbox.TaskInfo, at time.Time) float64 {
	life := at.Sub(time.Unix(t.StartUnix, 0))
	return 100 * float64(t.CPUNanos) / float64(max(life, time.Second))
}

// clock shows a duration as [days-]hours:minutes:seconds.
func clock(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	text := fmt.Sprintf("%02d:%02d:%02d", s/3600%24, s/60%60, s%60)
	if days := s / 86400; days > 0 {
		text = fmt.Sprintf("%d-%s", days, text)
	}
	return text
}
