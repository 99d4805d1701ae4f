package e2e

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// console is somebody at a terminal: types, and reads until what was expected comes.
type console struct {
	t  testing.TB
	in io.Writer

	mu   sync.Mutex
	cond *sync.Cond
	text strings.Builder
	seen int // how much of text earlier calls have taken
	err  error
}

// newConsole reads out until it ends.
func newConsole(t testing.TB, out io.Reader, in io.Writer) *console {
	c := &console{t: t, in: in}
	c.cond = sync.NewCond(&c.mu)
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := out.Read(buf)
			c.mu.Lock()
			c.text.Write(buf[:n])
			c.err = err
			c.cond.Broadcast()
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return c
}

// send types.
func (c *console) send(keys string) {
	c.t.Helper()
	_, err := io.WriteString(c.in, keys)
	must(c.t, err)
}

// expect waits for text after what was seen before, and returns what came up to its end.
func (c *console) expect(text string) string {
	c.t.Helper()
	got, ok := c.until(func(rest string, _ bool) (int, bool) {
		i := strings.Index(rest, text)
		return i + len(text), i >= 0
	})
	if !ok {
		c.t.Fatalf("waited for %q, got %q (%v)", text, got, c.err)
	}
	return got
}

// end waits for the end of the stream and returns what came before it.
func (c *console) end() string {
	c.t.Helper()
	got, ok := c.until(func(rest string, ended bool) (int, bool) { return len(rest), ended })
	if !ok {
		c.t.Fatalf("the stream does not end; got %q", got)
	}
	return got
}

func (c *console) until(found func(rest string, ended bool) (int, bool)) (string, bool) {
	late := false
	timer := time.AfterFunc(patience, func() {
		c.mu.Lock()
		late = true
		c.cond.Broadcast()
		c.mu.Unlock()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		rest := c.text.String()[c.seen:]
		if n, ok := found(rest, c.err != nil); ok {
			c.seen += n
			return rest[:n], true
		}
		if late || c.err != nil {
			return rest, false
		}
		c.cond.Wait()
	}
}
