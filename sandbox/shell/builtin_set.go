package shell

import (
	"fmt"
	"slices"
	"strings"
)

func set(sh *shell, args []string) int {
	if len(args) == 1 {
		var b strings.Builder
		for _, name := range sh.varNames() {
			if v := sh.vars[name]; v.kind == scalar && v.set() {
				b.WriteString(name + "=" + quote(v.str) + "\n")
			} else if v.set() {
				b.WriteString(name + "=" + sh.arrayText(&v) + "\n")
			}
		}
		return sh.print(b.String())
	}
	rest, positional, status := sh.setOptions(args[1:], false)
	if status != 0 {
		return status
	}
	if positional {
		sh.args = slices.Clone(rest)
		sh.optPos = 0
	}
	return 0
}

// setOptions takes the options of set and of the shell's own command line. positional tells that the arguments that
// are left become $1…
func (sh *shell) setOptions(args []string, start bool) (rest []string, positional bool, status int) {
	for len(args) > 0 {
		a := args[0]
		if a == "--" {
			return args[1:], true, 0
		}
		if a == "-" && !start {
			sh.opt.xtrace, sh.opt.verbose = false, false
			return args[1:], len(args) > 1, 0
		}
		if len(a) < 2 || a[0] != '-' && a[0] != '+' {
			return args, true, 0
		}
		args = args[1:]
		on := a[0] == '-'
		for i := 1; i < len(a); i++ {
			if a[i] == 'o' {
				if len(args) == 0 {
					return nil, false, sh.listOptions(on)
				}
				name := args[0]
				args = args[1:]
				o := named(options, name)
				if o == nil && (name == "posix" || name == "history" || name == "hashall" || name == "nolog") {
					continue
				}
				if o == nil {
					return nil, false, sh.fail("illegal option %co %s", a[0], name)
				}
				sh.setOption(o, on)
				continue
			}
			o := letter(a[i])
			if a[i] == 'h' || a[i] == 'p' && sh.bash { // hashing is always on
				continue
			}
			if o == nil || !start && (a[i] == 's' || a[i] == 'i' || a[i] == 'c') {
				return nil, false, sh.fail("illegal option %c%c", a[0], a[i])
			}
			sh.setOption(o, on)
		}
	}
	return nil, false, 0
}

func (sh *shell) setOption(o *option, on bool) {
	*o.flag(&sh.opt) = on
	if o.name == "monitor" {
		sh.setMonitor(on)
	}
}

func (sh *shell) listOptions(on bool) int {
	var b strings.Builder
	for i := range options {
		o := &options[i]
		if !o.listed() {
			continue
		}
		state := *o.flag(&sh.opt)
		if !on {
			fmt.Fprintf(&b, "set %so %s\n", map[bool]string{true: "-", false: "+"}[state], o.name)
			continue
		}
		fmt.Fprintf(&b, "%-16s%s\n", o.name, onOff(state))
	}
	return sh.print(b.String())
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func shopt(sh *shell, args []string) int {
	list, mode, quiet := shoptions, byte(0), false
	i := 1
	for ; i < len(args) && strings.HasPrefix(args[i], "-"); i++ {
		for _, c := range args[i][1:] {
			switch c {
			case 's', 'u', 'p':
				mode = byte(c)
			case 'q':
				quiet = true
			case 'o':
				list = options
			default:
				return sh.fail("-%c: invalid option", c)
			}
		}
	}
	names := args[i:]
	if len(names) == 0 {
		for _, o := range list {
			names = append(names, o.name)
		}
		if mode == 's' || mode == 'u' {
			names = slices.DeleteFunc(names, func(n string) bool { return *named(list, n).flag(&sh.opt) != (mode == 's') })
		}
		mode = 'p'
	}
	status := 0
	for _, name := range names {
		o := named(list, name)
		if o == nil {
			sh.errorf("%s: invalid shell option name", name)
			status = 1
			continue
		}
		switch p := o.flag(&sh.opt); {
		case mode == 's' || mode == 'u':
			*p = mode == 's'
		default:
			if !*p {
				status = 1
			}
			if !quiet {
				sh.print(fmt.Sprintf("%-15s\t%s\n", name, onOff(*p)))
			}
		}
	}
	return status
}
