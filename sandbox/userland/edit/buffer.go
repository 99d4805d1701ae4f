// Package edit holds vi.
package edit

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// buffer is the text being edited: never without a line.
type buffer struct {
	name  string
	lines []string
	dirty bool
	undo  []state
}

// state is what undo goes back to.
type state struct {
	lines    []string
	row, col int
	dirty    bool
}

// maxUndo bounds the states that are kept.
const maxUndo = 100

// load reads a file; one that is not there gives an empty line and found false.
func (b *buffer) load(name string) (found bool, err error) {
	b.name, b.lines = name, []string{""}
	data, err := applet.ReadFile(name)
	if err == abi.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if text := strings.TrimSuffix(string(data), "\n"); text != "" || len(data) > 0 {
		b.lines = strings.Split(text, "\n")
	}
	return true, nil
}

// text is the content of a range of lines as it goes to a file.
func text(lines []string) string {
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// save writes lines to a file.
func save(name string, lines []string) (bytes int, err error) {
	data := text(lines)
	fd, err := sys.Open(name, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC|abi.O_CLOEXEC, 0o666)
	if err != nil {
		return 0, err
	}
	err = sys.Write(fd, []byte(data))
	if closeErr := sys.Close(fd); err == nil {
		err = closeErr
	}
	return len(data), err
}

// remember keeps the present state for undo.
func (b *buffer) remember(row, col int) {
	if len(b.undo) == maxUndo {
		b.undo = slices.Delete(b.undo, 0, 1)
	}
	b.undo = append(b.undo, state{slices.Clone(b.lines), row, col, b.dirty})
	b.dirty = true
}

// remove takes lines out and returns them.
func (b *buffer) remove(from, to int) []string {
	cut := slices.Clone(b.lines[from:to])
	b.lines = slices.Delete(b.lines, from, to)
	if len(b.lines) == 0 {
		b.lines = []string{""}
	}
	return cut
}
