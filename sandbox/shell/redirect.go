package shell

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"mvdan.cc/sh/v3/syntax"
)

// savedFD is what a redirection replaced; file is nil for a closed descriptor.
type savedFD struct {
	fd      int
	file    *vfs.OpenFile
	cloexec bool
}

// redirectError is a redirection that failed: what is wrong with which word.
type redirectError string

func (e redirectError) Error() string { return string(e) }

// redirect makes redirections in the task's table, and returns what to restore, also on an error.
func (sh *shell) redirect(list []*syntax.Redirect) ([]savedFD, error) {
	var saved []savedFD
	for _, r := range list {
		if err := sh.redirectOne(r, &saved); err != nil {
			return saved, err
		}
	}
	return saved, nil
}

// restore undoes redirections.
func (sh *shell) restore(saved []savedFD) {
	for i := len(saved) - 1; i >= 0; i-- {
		s := saved[i]
		if s.file == nil {
			sh.task.Files.Close(s.fd)
		} else {
			sh.task.Files.Set(s.fd, s.file, s.cloexec)
		}
	}
}

// forget lets redirections stay.
func (sh *shell) forget(saved []savedFD) {
	for _, s := range saved {
		if s.file != nil {
			s.file.Release()
		}
	}
}

// settle ends redirections with their command: they stay for a program that takes the shell's place.
func (sh *shell) settle(saved []savedFD) {
	if sh.flow == flowExec {
		sh.forget(saved)
	} else {
		sh.restore(saved)
	}
}

func (sh *shell) redirectFailed(err error, special bool) {
	if _, ok := err.(redirectError); !ok {
		sh.abort(err)
		return
	}
	sh.errorf("%v", err)
	sh.status = 1
	if special && !sh.opt.interactive && !sh.bash {
		sh.flow = flowExit
		return
	}
	sh.failed()
}

// put places a file at a descriptor, or with nil closes it, saving what was there.
func (sh *shell) put(fd int, f *vfs.OpenFile, saved *[]savedFD) error {
	files := sh.task.Files
	s := savedFD{fd: fd}
	if old, err := files.Get(fd); err == nil {
		s.file = old
		s.cloexec, _ = files.Cloexec(fd)
	}
	*saved = append(*saved, s)
	if f == nil {
		if s.file != nil {
			files.Close(fd)
		}
		return nil
	}
	if err := files.Set(fd, f, false); err != nil {
		*saved = (*saved)[:len(*saved)-1]
		return redirectError(strconv.Itoa(fd) + ": " + strerror(err))
	}
	return nil
}

func (sh *shell) redirectOne(r *syntax.Redirect, saved *[]savedFD) error {
	fd := 1
	switch r.Op {
	case syntax.RdrIn, syntax.RdrInOut, syntax.DplIn, syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
		fd = 0
	}
	varName := ""
	if r.N != nil {
		if v := r.N.Value; strings.HasPrefix(v, "{") {
			varName = strings.Trim(v, "{}")
		} else {
			n, err := strconv.Atoi(v)
			if err != nil {
				return redirectError(v + ": Bad file descriptor")
			}
			fd = n
		}
	}
	var f *vfs.OpenFile
	var err error
	both := false
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		f, err = sh.hereDocument(r)
	case syntax.WordHdoc:
		var s string
		if s, err = sh.expandString(r.Word); err == nil {
			f = newAnonFile(s + "\n")
		}
	case syntax.DplIn, syntax.DplOut:
		return sh.duplicate(r, fd, varName, saved)
	case syntax.RdrAll, syntax.AppAll:
		both = true
		fallthrough
	default:
		f, err = sh.openRedirect(r)
	}
	if err != nil {
		return err
	}
	if varName != "" {
		return sh.assignFD(varName, f)
	}
	if both {
		if err := sh.put(2, f.Retain(), saved); err != nil {
			f.Release()
			return err
		}
	}
	return sh.put(fd, f, saved)
}

// assignFD is {name}>file: the descriptor is chosen, and stays.
func (sh *shell) assignFD(name string, f *vfs.OpenFile) error {
	n, err := sh.task.Files.Add(f, 10, false)
	if err != nil {
		return redirectError(name + ": " + strerror(err))
	}
	return sh.setVar(name, strconv.Itoa(n))
}

// duplicate is n<&m, n>&m, n>&- and bash's >&file.
func (sh *shell) duplicate(r *syntax.Redirect, fd int, varName string, saved *[]savedFD) error {
	word, err := sh.expandString(r.Word)
	if err != nil {
		return err
	}
	if word == "-" {
		if varName != "" {
			n, _ := strconv.Atoi(sh.getenv(varName))
			sh.task.Files.Close(n)
			return nil
		}
		return sh.put(fd, nil, saved)
	}
	move := len(word) > 1 && strings.HasSuffix(word, "-")
	n, nerr := strconv.Atoi(strings.TrimSuffix(word, "-"))
	if nerr != nil || n < 0 {
		if r.Op == syntax.DplOut && r.N == nil { // >&file
			f, err := sh.open(word, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC)
			if err != nil {
				return err
			}
			if err := sh.put(2, f.Retain(), saved); err != nil {
				return err
			}
			return sh.put(1, f, saved)
		}
		return redirectError("bad fd number")
	}
	f, err := sh.task.Files.Get(n)
	if err != nil {
		return redirectError(strconv.Itoa(n) + ": " + strerror(err))
	}
	if varName != "" {
		return sh.assignFD(varName, f)
	}
	if err := sh.put(fd, f, saved); err != nil {
		return err
	}
	if move && n != fd {
		return sh.put(n, nil, saved)
	}
	return nil
}

func (sh *shell) openRedirect(r *syntax.Redirect) (*vfs.OpenFile, error) {
	word, err := sh.expandString(r.Word)
	if err != nil {
		return nil, err
	}
	flags := 0
	switch r.Op {
	case syntax.RdrIn:
		flags = abi.O_RDONLY
	case syntax.RdrInOut:
		flags = abi.O_RDWR | abi.O_CREAT
	case syntax.AppOut, syntax.AppAll:
		flags = abi.O_WRONLY | abi.O_CREAT | abi.O_APPEND
	case syntax.RdrOut, syntax.RdrClob, syntax.RdrAll:
		flags = abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC
		if sh.opt.noclobber && r.Op != syntax.RdrClob {
			if st, err := sh.stat(word, true); err != nil {
				flags |= abi.O_EXCL
			} else if st.Mode&abi.S_IFMT == abi.S_IFREG {
				return nil, redirectError("can't create " + word + ": File exists")
			}
		}
	default:
		return nil, redirectError(r.Op.String() + ": not supported")
	}
	return sh.open(word, flags)
}

// open opens a file for a redirection. /dev/fd/N and its kin name the task's own descriptors.
func (sh *shell) open(name string, flags int) (*vfs.OpenFile, error) {
	if fd, ok := fdPath(name); ok {
		f, err := sh.task.Files.Get(fd)
		if err != nil {
			return nil, redirectError("can't open " + name + ": no such file")
		}
		if _, seek := f.File.(vfs.Seekable); !seek {
			return f, nil
		}
		f.Release() // a file is opened anew, with a position of its own
	}
	fs := sh.task.FS()
	for {
		f, err := fs.Open(fs.Cwd, name, flags, 0o666)
		switch {
		case err == nil:
			return f, nil
		case err == abi.EINTR:
			if sh.task.Dying() {
				return nil, errDying
			}
			if sh.collectSignals(); sh.interrupted {
				return nil, errInterrupted
			}
			continue
		}
		if flags&abi.O_CREAT != 0 {
			if err == abi.ENOENT {
				return nil, redirectError("can't create " + name + ": nonexistent directory")
			}
			return nil, redirectError("can't create " + name + ": " + strerror(err))
		}
		if err == abi.ENOENT {
			return nil, redirectError("can't open " + name + ": no such file")
		}
		return nil, redirectError("can't open " + name + ": " + strerror(err))
	}
}

// fdPath reads the names of descriptors.
func fdPath(name string) (int, bool) {
	switch name {
	case "/dev/stdin":
		return 0, true
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	s, ok := strings.CutPrefix(name, "/dev/fd/")
	n, err := strconv.Atoi(s)
	return n, ok && err == nil && n >= 0
}

// hereDocument makes the file of << and <<-.
func (sh *shell) hereDocument(r *syntax.Redirect) (*vfs.OpenFile, error) {
	if r.Hdoc == nil {
		return newAnonFile(""), nil
	}
	literal := false
	for _, p := range r.Word.Parts {
		if l, ok := p.(*syntax.Lit); !ok || strings.Contains(l.Value, "\\") {
			literal = true
		}
	}
	if literal {
		var b strings.Builder
		for _, p := range r.Hdoc.Parts {
			if l, ok := p.(*syntax.Lit); ok {
				b.WriteString(l.Value)
			}
		}
		return newAnonFile(stripTabs(b.String(), r.Op)), nil
	}
	doc := r.Hdoc
	if r.Op == syntax.DashHdoc {
		doc = stripTabsOf(doc)
	}
	s, err := sh.expandDocument(doc)
	if err != nil {
		return nil, err
	}
	return newAnonFile(s), nil
}

// stripTabs takes the leading tabs of <<- away.
func stripTabs(s string, op syntax.RedirOperator) string {
	if op != syntax.DashHdoc {
		return s
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}

// stripTabsOf is stripTabs for a document with expansions, whose results keep their tabs.
func stripTabsOf(w *syntax.Word) *syntax.Word {
	parts := make([]syntax.WordPart, len(w.Parts))
	start := true
	for i, p := range w.Parts {
		parts[i] = p
		l, ok := p.(*syntax.Lit)
		if !ok {
			start = false
			continue
		}
		var b strings.Builder
		for line := range strings.Lines(l.Value) {
			if start {
				line = strings.TrimLeft(line, "\t")
			}
			b.WriteString(line)
			start = strings.HasSuffix(line, "\n")
		}
		copied := *l
		copied.Value = b.String()
		parts[i] = &copied
	}
	return &syntax.Word{Parts: parts}
}

// anonFile is a here-document: a file in memory without a name, whatever its size.
type anonFile struct{ data string }

func newAnonFile(data string) *vfs.OpenFile {
	return vfs.NewOpenFile(&anonFile{data}, abi.O_RDONLY)
}

func (f *anonFile) Read(p []byte, off int64) (int, error) {
	if off >= int64(len(f.data)) {
		return 0, nil
	}
	return copy(p, f.data[off:]), nil
}

func (f *anonFile) Write([]byte, int64) (int, error) { return 0, abi.EBADF }
func (f *anonFile) Size() (int64, error)             { return int64(len(f.data)), nil }
func (f *anonFile) Ready() vfs.Events                { return abi.POLLIN }
func (f *anonFile) Queue() *vfs.WaitQueue            { return nil }
func (f *anonFile) Close() error                     { return nil }
func (f *anonFile) Reopen(int) (vfs.File, error)     { return f, nil }
func (f *anonFile) Stat() (abi.Stat, error) {
	return abi.Stat{Mode: abi.S_IFREG | 0o600, Nlink: 1, Size: int64(len(f.data)), Blksize: abi.PIPE_BUF}, nil
}

// pipe makes a pipe whose ends are descriptors of the shell from 10 on, closed on exec.
func (sh *shell) pipe() (r, w int, err error) {
	rf, wf := kernel.NewPipe()
	files := sh.task.Files
	if r, err = files.Add(rf, 10, true); err != nil {
		wf.Release()
		return 0, 0, err
	}
	if w, err = files.Add(wf, 10, true); err != nil {
		files.Close(r)
		return 0, 0, err
	}
	return r, w, nil
}

func (sh *shell) closeTemps(from int) {
	for _, fd := range sh.tempFDs[from:] {
		sh.task.Files.Close(fd)
	}
	sh.tempFDs = sh.tempFDs[:from]
}
