package logfile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newLog(t *testing.T, opts Options) (*Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c", "c-json.log")
	if opts.Format == nil {
		opts.Format = JSON
	}
	l := New(path, opts)
	l.Begin(nil)
	t.Cleanup(func() { l.End() })
	return l, path
}

func write(t *testing.T, l *Log, s string, to Stream) {
	t.Helper()
	if err := l.Write([]byte(s), to); err != nil {
		t.Fatal(err)
	}
}

// lines reads what opts select, each entry's stream and line.
func lines(t *testing.T, l *Log, opts ReadOptions) []string {
	t.Helper()
	r, err := l.Read(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var list []string
	for {
		e, err := r.Next(t.Context())
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(e.Line))
	}
}

func TestFileIsAsDockerdWritesIt(t *testing.T) {
	t.Parallel()
	l, path := newLog(t, Options{})
	l.Begin(map[string]string{"b": "2", "a": "1"})
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Fatal("the file is there before anything is written")
	}
	text := "a\t\"quote\" <b> & \\ \x01 \xff \u2028 \U0001f600\r\n"
	write(t, l, text, Stderr)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var e struct{ Time time.Time }
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	want := `{"log":"a\t\"quote\" \u003cb\u003e \u0026 \\ \u0001 \ufffd \u2028 ` + "\U0001f600" + `\r\n","stream":"stderr","attrs":{"a":"1","b":"2"},"time":"` +
		e.Time.Format(time.RFC3339Nano) + `"}` + "\n"
	if string(data) != want {
		t.Errorf("wrote %s, want %s", data, want)
	}
}

func TestLinesAreLoggedWhenTheyAreCompleteOrTooLong(t *testing.T) {
	t.Parallel()
	l, _ := newLog(t, Options{})
	write(t, l, "be", Stdout)
	write(t, l, "err\n", Stderr)
	write(t, l, "gun\nnext\nand", Stdout)
	fits := strings.Repeat("y", maxLine-1)
	long := strings.Repeat("x", maxLine)
	write(t, l, " more\n"+fits+"\n"+long+"\n", Stdout)
	write(t, l, long+"tail\n", Stdout)
	write(t, l, "no newline", Stdout)
	want := []string{"err\n", "begun\n", "next\n", "and more\n", fits + "\n", long, "\n", long, "tail\n"}
	if got := lines(t, l, ReadOptions{Tail: -1}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %.200q, want %.200q", got, want)
	}
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, l, ReadOptions{Tail: 1}); fmt.Sprint(got) != "[no newline]" {
		t.Errorf("last line %q", got)
	}
}

func TestTailLooksBackOverRotatedFiles(t *testing.T) {
	t.Parallel()
	l, path := newLog(t, Options{MaxSize: 200, MaxFiles: 3})
	for i := range 20 {
		write(t, l, fmt.Sprintf("line %d\n", i), Stdout)
	}
	for i, name := range []string{path, path + ".1", path + ".2"} {
		if info, err := os.Stat(name); err != nil || info.Size() > 300 {
			t.Errorf("file %d: %v, %v", i, info, err)
		}
	}
	if _, err := os.Stat(path + ".3"); !os.IsNotExist(err) {
		t.Error("there is a fourth file")
	}
	all := lines(t, l, ReadOptions{Tail: -1})
	if len(all) < 5 || all[len(all)-1] != "line 19\n" {
		t.Fatalf("all is %q", all)
	}
	for n := range len(all) + 3 {
		want := all[len(all)-min(n, len(all)):]
		if got := lines(t, l, ReadOptions{Tail: n}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("tail %d is %q, want %q", n, got, want)
		}
	}
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 0 {
		t.Errorf("left after removal: %v", files)
	}
}

func TestTailOfAFileLargerThanABlock(t *testing.T) {
	t.Parallel()
	l, _ := newLog(t, Options{})
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "line number %d\n", i)
	}
	write(t, l, b.String(), Stdout)
	for _, n := range []int{1, 999, 2999, 3000, 4000} {
		got := lines(t, l, ReadOptions{Tail: n})
		if len(got) != min(n, 3000) || got[len(got)-1] != "line number 2999\n" {
			t.Errorf("tail %d has %d lines", n, len(got))
		}
	}
}

func TestFollowingReaderSeesEverythingUntilTheEnd(t *testing.T) {
	t.Parallel()
	l, _ := newLog(t, Options{MaxSize: 500, MaxFiles: 50})
	write(t, l, "before\n", Stdout)
	r, err := l.Read(ReadOptions{Tail: 0, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const n = 200
	go func() {
		for i := range n {
			l.Write(fmt.Appendf(nil, "line %d\n", i), Stdout)
		}
		l.End()
	}()
	for i := 0; ; i++ {
		e, err := r.Next(t.Context())
		if err == io.EOF {
			if i != n {
				t.Errorf("%d lines, want %d", i, n)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("line %d\n", i); string(e.Line) != want {
			t.Fatalf("got %q, want %q", e.Line, want)
		}
	}
}

func TestFollowingEndsWithItsContextOrTime(t *testing.T) {
	t.Parallel()
	l, _ := newLog(t, Options{})
	r, err := l.Read(ReadOptions{Tail: -1, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Next(ctx); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	if got := lines(t, l, ReadOptions{Tail: -1, Follow: true, Until: time.Now()}); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestTimesBoundWhatIsRead(t *testing.T) {
	t.Parallel()
	l, _ := newLog(t, Options{})
	write(t, l, "one\n", Stdout)
	between := time.Now()
	for !time.Now().After(between) {
	}
	write(t, l, "two\n", Stdout)
	if got := lines(t, l, ReadOptions{Tail: -1, Since: between}); fmt.Sprint(got) != "[two\n]" {
		t.Errorf("since: %q", got)
	}
	if got := lines(t, l, ReadOptions{Tail: -1, Until: between}); fmt.Sprint(got) != "[one\n]" {
		t.Errorf("until: %q", got)
	}
}

func TestTornLineOfAnEarlierDaemonIsPassedOver(t *testing.T) {
	t.Parallel()
	l, path := newLog(t, Options{})
	write(t, l, "one\n", Stdout)
	l.End()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"log":"to`)
	f.Close()
	again := New(path, Options{Format: JSON})
	again.Begin(nil)
	defer again.End()
	write(t, again, "two\n", Stdout)
	if got := lines(t, again, ReadOptions{Tail: -1}); fmt.Sprint(got) != "[one\n two\n]" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkWriteALine(b *testing.B) {
	l := New(filepath.Join(b.TempDir(), "log"), Options{Format: JSON})
	l.Begin(nil)
	defer l.End()
	line := []byte(strings.Repeat("x", 79) + "\n")
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		l.Write(line, Stdout)
	}
}

func TestBothFormatsKeepEverythingOverRotationAndCompression(t *testing.T) {
	t.Parallel()
	attrs := map[string]string{"a": "1", "b": "zwei"}
	for name, format := range map[string]Format{"json": JSON, "local": Local} {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, packed), func(t *testing.T) {
				t.Parallel()
				l, path := newLog(t, Options{Format: format, MaxSize: 2000, MaxFiles: 100, Compress: packed})
				l.Begin(attrs)
				var want []string
				for i := range 300 {
					line := fmt.Sprintf("line %d \xe2\x82\xac\t\"\\\x00<>&\r\n", i)
					want = append(want, line)
					write(t, l, line, Stream(i%2))
				}
				long := strings.Repeat("z", maxLine)
				write(t, l, long+"end\n", Stdout)
				want = append(want, long, "end\n")
				waitCompressed(l)
				if _, err := os.Stat(path + ".2.gz"); packed != (err == nil) {
					t.Errorf("compressed: %v", err)
				}
				r, err := l.Read(ReadOptions{Tail: -1})
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				var last time.Time
				for i, line := range want {
					e, err := r.Next(t.Context())
					if err != nil || string(e.Line) != line || e.Attrs["a"] != "1" || e.Attrs["b"] != "zwei" || len(e.Attrs) != 2 {
						t.Fatalf("entry %d: %q %v %v, want %q", i, e.Line, e.Attrs, err, line)
					}
					if i < 300 && e.Stream != Stream(i%2) || e.Time.Before(last) {
						t.Fatalf("entry %d: stream %v, time %v after %v", i, e.Stream, e.Time, last)
					}
					last = e.Time
				}
				for n := range 302 {
					got := lines(t, l, ReadOptions{Tail: n})
					if fmt.Sprint(got) != fmt.Sprint(want[len(want)-n:]) {
						t.Fatalf("tail %d gives %d entries: %.100q", n, len(got), got)
					}
				}
			})
		}
	}
}

// waitCompressed waits until nothing is being compressed.
func waitCompressed(l *Log) {
	l.mu.Lock()
	done := l.compressing
	l.mu.Unlock()
	if done != nil {
		<-done
	}
}

func TestLogIsHeldToItsFilesWhateverIsWritten(t *testing.T) {
	t.Parallel()
	const size, files = 10_000, 3
	l, path := newLog(t, Options{Format: Local, MaxSize: size, MaxFiles: files, Compress: true})
	chunk := strings.Repeat(strings.Repeat("a", 99)+"\n", 600)
	follower, err := l.Read(ReadOptions{Tail: -1, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer follower.Close()
	for range 50 { // 3 MB; nobody reads meanwhile
		write(t, l, chunk, Stdout)
	}
	waitCompressed(l)
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(list) > files {
		t.Errorf("%d files: %v, %v", len(list), list, err)
	}
	for _, f := range list {
		if info, err := f.Info(); err != nil || info.Size() > size+200 {
			t.Errorf("%s: %v, %v", f.Name(), info.Size(), err)
		}
	}
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		if _, err := follower.Next(t.Context()); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n < size/200 {
		t.Errorf("the follower that came late saw %d lines", n)
	}
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 0 {
		t.Errorf("left after removal: %v", list)
	}
}

func TestRemovalEndsFollowersAndCompression(t *testing.T) {
	t.Parallel()
	l, path := newLog(t, Options{Format: JSON, MaxSize: 100_000, MaxFiles: 20, Compress: true})
	r, err := l.Read(ReadOptions{Tail: 0, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 20 {
		write(t, l, strings.Repeat(strings.Repeat("a", 99)+"\n", 1000), Stdout)
	}
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := r.Next(t.Context()); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 0 {
		t.Errorf("left after removal: %v", list)
	}
}

func TestTornRecordOfTheLocalFormatIsCutOff(t *testing.T) {
	t.Parallel()
	l, path := newLog(t, Options{Format: Local})
	write(t, l, "one\ntwo\n", Stdout)
	l.End()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut < len(whole)/2; cut++ {
		if err := os.WriteFile(path, whole[:len(whole)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		again := New(path, Options{Format: Local})
		again.Begin(nil)
		write(t, again, "three\n", Stdout)
		if got := lines(t, again, ReadOptions{Tail: 2}); fmt.Sprint(got) != "[one\n three\n]" {
			t.Fatalf("%d bytes lost: got %q", cut, got)
		}
		again.End()
	}
}

func BenchmarkReadALine(b *testing.B) {
	for name, format := range map[string]Format{"json": JSON, "local": Local} {
		b.Run(name, func(b *testing.B) {
			l := New(filepath.Join(b.TempDir(), "log"), Options{Format: format})
			l.Begin(nil)
			line := strings.Repeat("x", 79) + "\n"
			for range 1000 {
				l.Write([]byte(strings.Repeat(line, 100)), Stdout)
			}
			l.End()
			b.SetBytes(int64(len(line)))
			var r *Reader
			for i := 0; b.Loop(); i++ {
				if i%100_000 == 0 {
					r, _ = l.Read(ReadOptions{Tail: -1})
					defer r.Close()
				}
				if _, err := r.Next(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
