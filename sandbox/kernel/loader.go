package kernel

import (
	"bytes"
	"path"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Program is a loaded program.
type Program interface {
	// Run runs the program on the task's goroutine until it ends, and returns its exit code; the code does not count
	// when the task is dying. Arguments and environment are the task's Image.
	Run(t *Task) (exitCode int)
}

// ProgramFunc is a Program made of a function.
type ProgramFunc func(t *Task) int

// Run calls f.
func (f ProgramFunc) Run(t *Task) int { return f(t) }

// Loader makes programs of files of one kind.
type Loader interface {
	// Load looks at a file's first bytes (at most headSize) and, when it is of its kind, loads it. nil, nil: of
	// another kind. t is the task that asks, not the one that will run.
	Load(t *Task, exe *vfs.OpenFile, head []byte) (Program, error)
}

const (
	headSize        = 256 // as much of a file as loaders see, and the longest "#!" line (BINPRM_BUF_SIZE)
	maxInterpreters = 4   // depth of "#!" scripts that run "#!" scripts
)

// exec is a program ready to run.
type exec struct {
	program Program
	image   *Image
	cred    *vfs.Cred
}

// load finds the program for a path, which is relative to the directory of attr if that has one: ENOENT, EACCES (also for what is not a regular file or not executable), ENOEXEC,
// ELOOP, E2BIG.
func (t *Task) load(name string, attr *SpawnAttr) (*exec, error) {
	argv, env := attr.Argv, attr.Env
	size := 0
	for _, list := range [][]string{argv, env} {
		for _, s := range list {
			if len(s) >= abi.ARG_STRLN {
				return nil, abi.E2BIG
			}
			size += len(s) + 9
		}
	}
	if size > abi.ARG_MAX {
		return nil, abi.E2BIG
	}
	if len(argv) == 0 {
		argv = []string{""}
	}
	fs := t.FS()
	if !attr.Dir.IsZero() {
		fs.Cwd = attr.Dir
	}
	comm := comm(path.Base(name))
	for depth := 0; ; depth++ {
		exe, p, head, err := openExecutable(fs, name)
		if err != nil {
			return nil, err
		}
		interp, arg, script := parseShebang(head)
		if !script {
			defer exe.Release()
			for _, l := range t.k.loaders {
				program, err := l.Load(t, exe, head)
				if err != nil {
					return nil, err
				}
				if program != nil {
					full, _ := t.k.ns.Name(p, fs.Root)
					st, err := p.Inode().Stat()
					if err != nil {
						return nil, err
					}
					cred := fs.Cred.ForExec(&st, p.Mount.Flags()&vfs.NoSuid != 0)
					return &exec{program, &Image{Path: full, Exe: p, Argv: argv, Env: env, Comm: comm}, cred}, nil
				}
			}
			return nil, abi.ENOEXEC
		}
		exe.Release()
		if depth == maxInterpreters {
			return nil, abi.ELOOP
		}
		if interp == "" {
			return nil, abi.ENOEXEC
		}
		args := []string{interp}
		if arg != "" {
			args = append(args, arg)
		}
		argv = append(append(args, name), argv[1:]...)
		name = interp
	}
}

func openExecutable(fs *vfs.Context, name string) (*vfs.OpenFile, vfs.Path, []byte, error) {
	fail := func(err error) (*vfs.OpenFile, vfs.Path, []byte, error) { return nil, vfs.Path{}, nil, err }
	p, err := fs.Walk(fs.Cwd, name, true)
	if err != nil {
		return fail(err)
	}
	st, err := p.Inode().Stat()
	if err != nil {
		return fail(err)
	}
	if st.Mode&abi.S_IFMT != abi.S_IFREG || p.Mount.Flags()&vfs.NoExec != 0 {
		return fail(abi.EACCES)
	}
	if err := fs.Cred.Access(&st, abi.X_OK); err != nil {
		return fail(err)
	}
	// Reading needs no read permission: the kernel itself does it.
	f, err := p.Inode().Open(abi.O_RDONLY)
	if err != nil {
		return fail(err)
	}
	exe := vfs.NewOpenFileAt(p, f, abi.O_RDONLY)
	head := make([]byte, headSize)
	n, err := exe.Pread(head, 0)
	if err != nil {
		exe.Release()
		return fail(err)
	}
	return exe, p, head[:n], nil
}

// parseShebang splits the first line of a script into interpreter and its one argument (execve(2), "Interpreter
// scripts").
func parseShebang(head []byte) (interp, arg string, ok bool) {
	if !bytes.HasPrefix(head, []byte("#!")) {
		return "", "", false
	}
	line, _, _ := strings.Cut(string(head[2:]), "\n")
	line = strings.Trim(line, " \t")
	interp, arg, _ = strings.Cut(line, " ")
	if i := strings.IndexByte(interp, '\t'); i >= 0 {
		interp, arg = line[:i], line[i+1:]
	}
	return interp, strings.Trim(arg, " \t"), true
}
