package shell

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// findJob finds the job that %n, %%, %+, %-, %text, %?text or nothing names.
func (sh *shell) findJob(spec string) (*job, string) {
	var listed []*job
	for _, j := range sh.jobs {
		if j.id > 0 {
			listed = append(listed, j)
		}
	}
	name := strings.TrimPrefix(spec, "%")
	if name == "" || name == "%" || name == "+" {
		if len(listed) == 0 {
			return nil, "No current job"
		}
		for i := len(listed) - 1; i >= 0; i-- {
			if listed[i].state() == stopped {
				return listed[i], ""
			}
		}
		return listed[len(listed)-1], ""
	}
	if name == "-" {
		if len(listed) < 2 {
			return nil, "No previous job"
		}
		return listed[len(listed)-2], ""
	}
	n, err := strconv.Atoi(name)
	for _, j := range listed {
		if err == nil && j.id == n {
			return j, ""
		}
		if err != nil && (strings.HasPrefix(j.text, name) || name[0] == '?' && strings.Contains(j.text, name[1:])) {
			return j, ""
		}
	}
	return nil, spec + ": no such job"
}

func listJobs(sh *shell, args []string) int {
	sh.reap()
	long, pids := false, false
	for _, a := range args[1:] {
		long = long || a == "-l"
		pids = pids || a == "-p"
	}
	for _, j := range append([]*job(nil), sh.jobs...) {
		if j.id == 0 {
			continue
		}
		if pids {
			sh.print(strconv.Itoa(j.procs[0].pid) + "\n")
			continue
		}
		sh.print(sh.jobLine(j, long))
		j.notified = true
		if j.state() == done {
			sh.removeJob(j)
		}
	}
	return 0
}

// jobLine describes a job as ash's jobs does.
func (sh *shell) jobLine(j *job, long bool) string {
	sign := byte(' ')
	if cur, _ := sh.findJob("%%"); cur == j {
		sign = '+'
	} else if prev, _ := sh.findJob("%-"); prev == j {
		sign = '-'
	}
	state := "Running"
	switch j.state() {
	case stopped:
		for _, p := range j.procs {
			if p.state == stopped {
				state = describeSignal(p.status.Signal())
			}
		}
	case done:
		state = "Done"
		if st := j.last().status; st.IsSignaled() {
			state = describeSignal(st.Signal())
		} else if c := st.ExitCode(); c != 0 {
			state = fmt.Sprintf("Done(%d)", c)
		}
	}
	s := fmt.Sprintf("[%d]%c  ", j.id, sign)
	if long {
		s += strconv.Itoa(j.procs[0].pid) + " "
	}
	return fmt.Sprintf("%-32s %s\n", s+state, j.text)
}

// foreground is fg and bg.
func foreground(sh *shell, args []string) int {
	specs := args[1:]
	if len(specs) == 0 {
		specs = []string{""}
	}
	status := 0
	for _, spec := range specs {
		j, msg := sh.findJob(spec)
		if j == nil {
			return sh.fail("%s", msg)
		}
		if j.pgid == 0 {
			return sh.fail("job %s not created under job control", strings.TrimPrefix(spec, "%"))
		}
		for i := range j.procs {
			if j.procs[i].state == stopped {
				j.procs[i].state = running
			}
		}
		if args[0] == "bg" {
			j.background = true
			sh.print(fmt.Sprintf("[%d] %s\n", j.id, j.text))
			sh.task.Kill(-j.pgid, abi.SIGCONT)
			continue
		}
		sh.print(j.text + "\n")
		j.background = false
		if tty := sh.task.TTY(); tty != nil {
			if j.tty != nil {
				tty.SetTermios(j.termios, false)
			}
			sh.giveTerminal(tty, j.pgid)
		}
		sh.task.Kill(-j.pgid, abi.SIGCONT)
		status = sh.waitJob(j)
		if j.state() == done {
			sh.removeJob(j)
		}
	}
	return status
}

// wait waits for background jobs (XCU wait); a trapped signal ends it with 128 and its number.
func wait(sh *shell, args []string) int {
	args = args[1:]
	any := false
	if len(args) > 0 && args[0] == "-n" {
		any, args = true, args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		if any {
			return sh.waitAny()
		}
		for {
			var j *job
			for _, o := range sh.jobs {
				if o.state() == running {
					j = o
				}
			}
			if j == nil {
				break
			}
			if status, ok := sh.waitFor(j); !ok {
				return status
			}
		}
		if !sh.opt.interactive {
			sh.jobs = nil
		}
		return 0
	}
	status := 0
	for _, a := range args {
		var j *job
		if strings.HasPrefix(a, "%") {
			var msg string
			if j, msg = sh.findJob(a); j == nil {
				sh.errorf("%s", msg)
				status = 127
				continue
			}
		} else {
			pid, err := strconv.Atoi(a)
			if err != nil {
				return sh.fail("Illegal number: %s", a)
			}
			for _, o := range sh.jobs {
				for _, p := range o.procs {
					if p.pid == pid {
						j = o
					}
				}
			}
			if j == nil {
				status = 127
				continue
			}
		}
		var ok bool
		if status, ok = sh.waitFor(j); !ok {
			return status
		}
		sh.removeJob(j)
	}
	return status
}

// waitFor waits for a job to end; false when a signal came first.
func (sh *shell) waitFor(j *job) (int, bool) {
	sh.reap()
	for j.state() == running {
		res, err := sh.task.Wait(-1, 0)
		switch {
		case err == abi.EINTR:
			if status := sh.readInterrupted(); status != 0 {
				return status, false
			}
		case err != nil:
			for i := range j.procs {
				j.procs[i].state = done
			}
		default:
			sh.record(res, nil)
		}
	}
	for _, p := range j.procs {
		sh.tellSignal(p, j)
	}
	j.notified = true
	return j.status(false), true
}

// waitAny is wait -n: the next job to end.
func (sh *shell) waitAny() int {
	for {
		running := false
		for _, j := range sh.jobs {
			if j.state() == done && !j.notified {
				sh.removeJob(j)
				return j.status(false)
			}
			running = running || j.state() != done
		}
		if !running {
			return 127
		}
		res, err := sh.task.Wait(-1, 0)
		switch {
		case err == abi.EINTR:
			if status := sh.readInterrupted(); status != 0 {
				return status
			}
		case err != nil:
			return 127
		default:
			sh.record(res, nil)
		}
	}
}

// history lists the lines of an interactive shell.
func history(sh *shell, _ []string) int {
	if sh.term == nil {
		return 0
	}
	var b strings.Builder
	for i, line := range sh.term.history {
		fmt.Fprintf(&b, "%4d %s\n", i, line)
	}
	return sh.print(b.String())
}

func disown(sh *shell, args []string) int {
	if len(args) == 1 {
		args = append(args, "%%")
	}
	for _, a := range args[1:] {
		if a == "-a" {
			sh.jobs = nil
			continue
		}
		if j, msg := sh.findJob(a); j == nil {
			return sh.fail("%s", msg)
		} else {
			j.id, j.notified = 0, true
		}
	}
	return 0
}

// kill sends a signal to processes, groups and jobs.
func kill(sh *shell, args []string) int {
	args = args[1:]
	sig := abi.SIGTERM
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		a := args[0][1:]
		args = args[1:]
		switch {
		case a == "-":
		case a == "l" || a == "L":
			return sh.listSignals(args)
		case a == "s" || a == "n":
			if len(args) == 0 {
				sh.warnf("you need to specify whom to kill")
				return 1
			}
			a, args = args[0], args[1:]
			fallthrough
		default:
			s, ok := parseSignal(a)
			if !ok {
				sh.warnf("bad signal name '%s'", a)
				return 1
			}
			sig = s
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		sh.warnf("you need to specify whom to kill")
		return 1
	}
	status := 0
	for _, a := range args {
		var pids []int
		if strings.HasPrefix(a, "%") {
			j, msg := sh.findJob(a)
			if j == nil {
				return sh.fail("%s", msg)
			}
			if j.pgid != 0 {
				pids = []int{-j.pgid}
			} else {
				for _, p := range j.procs {
					if p.state != done {
						pids = append(pids, p.pid)
					}
				}
			}
			if j.state() == stopped && (sig == abi.SIGTERM || sig == abi.SIGHUP) && j.pgid != 0 {
				defer sh.task.Kill(-j.pgid, abi.SIGCONT)
			}
		} else {
			n, err := strconv.Atoi(a)
			if err != nil {
				sh.warnf("invalid number '%s'", a)
				status = 1
				continue
			}
			pids = []int{n}
		}
		for _, pid := range pids {
			if err := sh.task.Kill(pid, sig); err != nil {
				sh.warnf("can't kill pid %d: %s", pid, strerror(err))
				status = 1
			}
		}
	}
	return status
}

// parseSignal reads a signal name or number; 0 and EXIT give 0.
func parseSignal(s string) (abi.Signal, bool) {
	if s == "0" || strings.EqualFold(s, "EXIT") {
		return 0, true
	}
	return abi.ParseSignal(s)
}

func (sh *shell) listSignals(args []string) int {
	if len(args) == 0 {
		var b strings.Builder
		for s := abi.SIGHUP; s <= abi.SIGSYS; s++ {
			fmt.Fprintf(&b, "%2d) %s\n", int(s), s.Name())
		}
		return sh.print(b.String())
	}
	for _, a := range args {
		if n, err := strconv.Atoi(a); err == nil {
			if n > 128 {
				n -= 128
			}
			s := abi.Signal(n)
			if n < 0 || n > int(abi.SIGRTMAX) {
				sh.warnf("unknown signal '%s'", a)
				return 1
			}
			if n == 0 {
				sh.print("EXIT\n")
			} else {
				sh.print(s.Name() + "\n")
			}
			continue
		}
		s, ok := parseSignal(a)
		if !ok {
			sh.warnf("unknown signal '%s'", a)
			return 1
		}
		sh.print(strconv.Itoa(int(s)) + "\n")
	}
	return 0
}

func firstSignal(set abi.SigSet) abi.Signal {
	for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
		if set.Has(s) {
			return s
		}
	}
	return 0
}

// trap sets, resets or lists what the shell does on signals (XCU trap).
func trap(sh *shell, args []string) int {
	args = skipDashes(args)[1:]
	if len(args) == 0 || args[0] == "-p" && len(args) == 1 {
		return sh.listTraps()
	}
	if args[0] == "-l" {
		return sh.listSignals(nil)
	}
	action, set := args[0], true
	names := args[1:]
	if len(args) == 1 { // trap INT resets it
		set, names = false, args
	} else if action == "-" {
		set = false
	} else if n, err := strconv.Atoi(action); err == nil && n >= 0 {
		set, names = false, args
	}
	status := 0
	for _, name := range names {
		switch up := strings.ToUpper(strings.TrimPrefix(strings.ToUpper(name), "SIG")); up {
		case "EXIT", "0", "ERR", "DEBUG", "RETURN":
			if up == "0" {
				up = "EXIT"
			}
			if up != "EXIT" && !sh.bash && up != "ERR" && up != "DEBUG" {
				break
			}
			if !set {
				delete(sh.pseudoTraps, up)
			} else {
				if sh.pseudoTraps == nil {
					sh.pseudoTraps = map[string]string{}
				}
				sh.pseudoTraps[up] = action
			}
			continue
		}
		s, ok := abi.ParseSignal(name)
		if !ok {
			sh.errorf("%s: invalid signal specification", name)
			status = 1
			continue
		}
		sh.setTrap(s, action, set)
	}
	return status
}

func (sh *shell) setTrap(s abi.Signal, action string, set bool) {
	d := kernel.Default
	switch {
	case set && action == "":
		d = kernel.Ignore
	case set:
		d = kernel.Handle
	}
	if sh.traps == nil {
		sh.traps = map[abi.Signal]string{}
	}
	if set {
		sh.traps[s] = action
	} else {
		delete(sh.traps, s)
		sh.pending &^= s.Bit()
		if sh.opt.interactive {
			switch {
			case s == abi.SIGINT || s == abi.SIGWINCH && sh.term != nil:
				d = kernel.Handle
			case sh.selfIgnored.Has(s):
				d = kernel.Ignore
			}
		}
	}
	sh.task.SetAction(s, d) // EINVAL for SIGKILL and SIGSTOP: shells accept such traps, which never run
}

func (sh *shell) listTraps() int {
	var b strings.Builder
	for _, name := range []string{"EXIT", "DEBUG", "ERR", "RETURN"} {
		if cmd, ok := sh.pseudoTraps[name]; ok {
			b.WriteString("trap -- " + quote(cmd) + " " + name + "\n")
		}
	}
	for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
		if cmd, ok := sh.traps[s]; ok {
			name := s.Name()
			if sh.bash {
				name = "SIG" + name
			}
			b.WriteString("trap -- " + quote(cmd) + " " + name + "\n")
		}
	}
	return sh.print(b.String())
}
