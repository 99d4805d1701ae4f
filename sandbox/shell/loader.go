package shell

import (
	"bytes"
	"path"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Loader runs files that begin with abi.ShellMagic as the shell. The name in argv[0] chooses the dialect: bash, or ash
// for every other.
func Loader() kernel.Loader { return &loader{builtins: builtinTable()} }

type loader struct {
	builtins map[string]builtin
}

// Load implements kernel.Loader.
func (l *loader) Load(_ *kernel.Task, _ *vfs.OpenFile, head []byte) (kernel.Program, error) {
	if !bytes.HasPrefix(head, []byte(abi.ShellMagic)) {
		return nil, nil
	}
	return kernel.ProgramFunc(func(t *kernel.Task) int {
		img := t.Image()
		sh := newShell(t, l.builtins, img.Env)
		return sh.main(img.Argv)
	}), nil
}

// main runs the shell as its command line says (XCU sh), and gives the exit code.
func (sh *shell) main(argv []string) int {
	sh.arg0 = argv[0]
	sh.bash = strings.TrimPrefix(path.Base(argv[0]), "-") == "bash"
	sh.opt.braces = sh.bash
	sh.opt.login = strings.HasPrefix(argv[0], "-")
	args, command, ok := sh.commandLine(argv[1:])
	if !ok {
		return sh.finish()
	}
	text, fromFile := "", true
	switch {
	case command:
		if len(args) == 0 {
			sh.errorf("-c requires an argument")
			return 2
		}
		text, args = args[0], args[1:]
		if len(args) > 0 {
			sh.arg0, args = args[0], args[1:]
		}
		fromFile = false
	case len(args) > 0 && !sh.opt.stdin:
	default:
		sh.opt.stdin = true
		if !sh.opt.interactive && sh.isTTY(0) && sh.isTTY(2) {
			sh.opt.interactive = true
		}
	}
	if sh.bash {
		sh.vars["BASH_VERSION"] = variable{flags: isSet, str: "5.2.37(1)-release"}
		sh.setArray("BASH_VERSINFO", []string{"5", "2", "37", "1", "release", "sockerless"})
		sh.vars["BASH"] = variable{flags: isSet, str: "/bin/bash"}
		sh.vars["HOSTNAME"] = variable{flags: isSet, str: sh.task.Kernel().Hostname()}
		sh.vars["UID"] = variable{flags: isSet | isReadonly, str: itoa(sh.task.Cred().RealUID)}
		sh.vars["EUID"] = variable{flags: isSet | isReadonly, str: itoa(sh.task.Cred().UID)}
		sh.vars["OSTYPE"] = variable{flags: isSet, str: "linux-gnu"}
		sh.vars["SHELLOPTS"] = variable{flags: isSet | isReadonly, str: "braceexpand:hashall:interactive-comments"}
	} else if _, ok := sh.vars["HOSTNAME"]; !ok {
		sh.vars["HOSTNAME"] = variable{flags: isSet, str: sh.task.Kernel().Hostname()}
	}
	sh.keepIgnored()
	if sh.opt.interactive {
		sh.startInteractive()
	}
	if sh.opt.login {
		sh.profile("/etc/profile")
		if home := sh.getenv("HOME"); home != "" && sh.flow == flowNone {
			sh.profile(home + "/.profile")
		}
	}
	if env := sh.getenv("ENV"); env != "" && sh.opt.interactive && sh.flow == flowNone {
		sh.profile(env)
	}
	if sh.flow != flowNone {
		return sh.finish()
	}
	sh.args = args
	switch {
	case !fromFile:
		sh.runString(text, true)
	case sh.opt.stdin:
		if sh.opt.interactive {
			sh.interact()
			break
		}
		sh.stdinScript()
	default:
		sh.script(args)
	}
	return sh.finish()
}

// commandLine takes the shell's own options: what is left, and whether -c was among them.
func (sh *shell) commandLine(args []string) (rest []string, command, ok bool) {
	var flags []string
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		a := args[0]
		args = args[1:]
		if a == "--" {
			break
		}
		if strings.HasPrefix(a, "--") {
			switch a {
			case "--login":
				sh.opt.login = true
			case "--norc", "--noprofile", "--posix":
			default:
				sh.write(2, sh.arg0+": "+a+": invalid option\n")
				sh.exit(2)
				return nil, false, false
			}
			continue
		}
		set := a[:1]
		for _, c := range a[1:] {
			switch {
			case c == 'c' && a[0] == '-':
				command, sh.opt.command = true, true
			case c == 'l' && a[0] == '-':
				sh.opt.login = true
			case c == 'O' && sh.bash && len(args) > 0:
				if o := named(shoptions, args[0]); o != nil {
					*o.flag(&sh.opt) = a[0] == '-'
				}
				args = args[1:]
			case c == 'o' && len(args) > 0:
				flags = append(flags, a[:1]+"o", args[0])
				args = args[1:]
			default:
				set += string(c)
			}
		}
		if len(set) > 1 {
			flags = append(flags, set)
		}
	}
	if len(args) > 0 && args[0] == "-" && !command {
		args = args[1:]
	}
	if _, _, status := sh.setOptions(flags, true); status != 0 {
		sh.exit(status)
		return nil, false, false
	}
	return args, command, true
}

// keepIgnored notes the signals that the shell was started with ignored: they stay so.
func (sh *shell) keepIgnored() {
	_, _, ignored, _ := sh.task.Signals()
	for s := abi.SIGHUP; s <= abi.SIGRTMAX && ignored != 0; s++ {
		if ignored.Has(s) {
			if sh.traps == nil {
				sh.traps = map[abi.Signal]string{}
			}
			sh.traps[s] = ""
			ignored &^= s.Bit()
		}
	}
}

// script runs the file args[0].
func (sh *shell) script(args []string) {
	name := args[0]
	f, err := sh.openScript(name)
	if err == abi.ENOENT && !strings.Contains(name, "/") {
		if found, lerr := sh.task.LookPath(name, sh.getenv("PATH")); lerr == nil {
			f, err = sh.openScript(found)
		}
	}
	if err != nil {
		if sh.bash {
			sh.warnf("%s: %s", name, strerror(err))
			sh.exit(127)
		} else {
			sh.warnf("can't open '%s': %s", name, strerror(err))
			sh.exit(2)
		}
		return
	}
	defer f.Release()
	sh.arg0, sh.name, sh.args = name, name, args[1:]
	sh.task.SetComm(path.Base(name))
	sh.run(&fileSource{sh: sh, file: f}, nil)
}

// stdinScript runs what comes on the standard input.
func (sh *shell) stdinScript() {
	f, err := sh.task.Files.Get(0)
	if err != nil {
		return
	}
	defer f.Release()
	sh.run(&fileSource{sh: sh, file: f, single: true}, nil)
}

// profile runs a file of settings, if it is there.
func (sh *shell) profile(name string) {
	f, err := sh.openScript(name)
	if err != nil {
		return
	}
	defer f.Release()
	sh.sourced++
	sh.run(&fileSource{sh: sh, file: f}, nil)
	sh.sourced--
	if sh.flow == flowReturn {
		sh.flow = flowNone
	}
}
