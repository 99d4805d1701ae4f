package guesttest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// functions is the loader of programs that are functions of a test: files that hold "func N".
type functions struct {
	mu   sync.Mutex
	list []kernel.ProgramFunc
}

const functionMagic = "func "

func (f *functions) Load(_ *kernel.Task, _ *vfs.OpenFile, head []byte) (kernel.Program, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(string(head), functionMagic))
	if !strings.HasPrefix(string(head), functionMagic) || err != nil {
		return nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list[n], nil
}

// Func makes a program of a function.
func (b *Box) Func(path string, f func(t *kernel.Task) int) {
	b.t.Helper()
	b.functions.mu.Lock()
	n := len(b.functions.list)
	b.functions.list = append(b.functions.list, f)
	b.functions.mu.Unlock()
	b.Write(path, 0o755, fmt.Append(nil, functionMagic, n))
}

// InTask runs f as a program to its end.
func (b *Box) InTask(opt Options, f func(t *kernel.Task)) {
	b.t.Helper()
	b.Func("/bin/in-task", func(t *kernel.Task) int {
		f(t)
		return 0
	})
	if _, stderr, status := b.Run(opt, "/bin/in-task"); status != abi.Exited(0) {
		b.t.Errorf("the task ended with status %#x, stderr %q", uint32(status), stderr)
	}
}
