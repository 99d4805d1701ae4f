// Command program does one thing that its first argument names, for the tests.
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	commands := map[string]func() error{
		"args": args, "files": files, "dirs": dirs, "links": links, "times": times, "random": random, "clock": clock,
		"copy": copyInput, "wait": wait, "errors": failures, "cwd": cwd, "loop": loop, "sleep": sleep, "grow": grow,
		"deep": func() error { return deep(0) },
	}
	if os.Args[1] == "exit" {
		os.Exit(42)
	}
	if os.Args[1] == "panic" {
		panic("as asked")
	}
	if err := commands[os.Args[1]](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func args() error {
	fmt.Printf("%q %q %q\n", os.Args, os.Getenv("A"), os.Getenv("PWD"))
	return nil
}

func expect(what string, got, want any) error {
	if got != want {
		return fmt.Errorf("%s: %v, want %v", what, got, want)
	}
	return nil
}

func files() error {
	f, err := os.OpenFile("/tmp/f", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := os.OpenFile("/tmp/f", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("O_EXCL: %v", err)
	}
	fmt.Fprint(f, "hello, world")
	at, err := f.Seek(-5, io.SeekEnd)
	if err := errors.Join(err, expect("seek", at, int64(7))); err != nil {
		return err
	}
	b := make([]byte, 100)
	n, err := f.Read(b)
	if err := errors.Join(err, expect("read", string(b[:n]), "world")); err != nil {
		return err
	}
	if _, err := f.Read(b); err != io.EOF {
		return fmt.Errorf("read at the end: %v", err)
	}
	if _, err := f.WriteAt([]byte("HELLO"), 0); err != nil {
		return err
	}
	if n, err = f.ReadAt(b[:3], 1); err != nil || string(b[:n]) != "ELL" {
		return fmt.Errorf("ReadAt: %q, %v", b[:n], err)
	}
	if err := errors.Join(f.Truncate(5), f.Sync(), f.Close()); err != nil {
		return err
	}
	app, err := os.OpenFile("/tmp/f", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	fmt.Fprint(app, "+end")
	app.Close()
	data, err := os.ReadFile("/tmp/f")
	if err := errors.Join(err, expect("contents", string(data), "HELLO+end")); err != nil {
		return err
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := os.WriteFile("/tmp/big", big, 0o644); err != nil {
		return err
	}
	if data, err = os.ReadFile("/tmp/big"); err != nil || !bytes.Equal(data, big) {
		return fmt.Errorf("1 MiB read back: %d bytes, %v", len(data), err)
	}
	if err := os.Rename("/tmp/big", "/tmp/bigger"); err != nil {
		return err
	}
	st, err := os.Stat("/tmp/bigger")
	if err := errors.Join(err, expect("size", st.Size(), int64(1<<20)), expect("regular", st.Mode().IsRegular(), true)); err != nil {
		return err
	}
	if _, err := os.Stat("/tmp/big"); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("stat of the old name: %v", err)
	}
	return os.Remove("/tmp/bigger")
}

func dirs() error {
	if err := os.MkdirAll("/tmp/a/b/c", 0o755); err != nil {
		return err
	}
	var want []string
	for i := range 300 {
		name := fmt.Sprintf("file-%03d-%s", i, strings.Repeat("x", i%90))
		want = append(want, name)
		if err := os.WriteFile("/tmp/a/b/"+name, nil, 0o644); err != nil {
			return err
		}
	}
	list, err := os.ReadDir("/tmp/a/b")
	if err != nil {
		return err
	}
	var got []string
	for _, e := range list {
		if e.Name() == "c" {
			if err := expect("type", e.IsDir(), true); err != nil {
				return err
			}
			continue
		}
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("%d entries, want %d: %q", len(got), len(want), got)
	}
	count := 0
	err = filepath.WalkDir("/tmp/a", func(string, fs.DirEntry, error) error { count++; return nil })
	if err := errors.Join(err, expect("walked", count, 303)); err != nil {
		return err
	}
	if err := os.Remove("/tmp/a"); err == nil {
		return errors.New("a directory that is not empty was removed")
	}
	if err := os.RemoveAll("/tmp/a"); err != nil {
		return err
	}
	if _, err := os.Stat("/tmp/a"); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("after RemoveAll: %v", err)
	}
	return nil
}

func links() error {
	if err := os.WriteFile("/tmp/target", []byte("data"), 0o644); err != nil {
		return err
	}
	if err := errors.Join(os.Symlink("target", "/tmp/sym"), os.Symlink("/tmp/target", "/tmp/abs"), os.Link("/tmp/target", "/tmp/hard"),
		os.Symlink("loop", "/tmp/loop")); err != nil {
		return err
	}
	for _, name := range []string{"sym", "abs", "hard"} {
		if b, err := os.ReadFile("/tmp/" + name); err != nil || string(b) != "data" {
			return fmt.Errorf("%s: %q, %v", name, b, err)
		}
	}
	st, err := os.Lstat("/tmp/sym")
	if err := errors.Join(err, expect("lstat", st.Mode().Type(), fs.ModeSymlink)); err != nil {
		return err
	}
	to, err := os.Readlink("/tmp/abs")
	if err := errors.Join(err, expect("readlink", to, "/tmp/target")); err != nil {
		return err
	}
	if _, err := os.Open("/tmp/loop"); err == nil {
		return errors.New("a looping link was opened")
	}
	a, _ := os.Stat("/tmp/target")
	b, _ := os.Stat("/tmp/hard")
	return expect("SameFile", os.SameFile(a, b), true)
}

func times() error {
	if err := os.WriteFile("/tmp/t", nil, 0o644); err != nil {
		return err
	}
	at := time.Unix(1_000_000_000, 123_456_789)
	if err := os.Chtimes("/tmp/t", at, at); err != nil {
		return err
	}
	st, err := os.Stat("/tmp/t")
	return errors.Join(err, expect("mtime", st.ModTime().UnixNano(), at.UnixNano()))
}

func random() error {
	a, b := make([]byte, 32), make([]byte, 32)
	rand.Read(a)
	rand.Read(b)
	if bytes.Equal(a, b) || bytes.Equal(a, make([]byte, 32)) {
		return fmt.Errorf("random bytes %x, %x", a, b)
	}
	return nil
}

func clock() error {
	start := time.Now()
	time.Sleep(20 * time.Millisecond)
	if d := time.Since(start); d < 20*time.Millisecond {
		return fmt.Errorf("slept %v", d)
	}
	if start.Year() < 2024 {
		return fmt.Errorf("it is %v", start)
	}
	return nil
}

func copyInput() error {
	_, err := io.Copy(os.Stdout, os.Stdin)
	return err
}

// wait reads lines while another goroutine ticks: waiting for input must not keep it from running.
func wait() error {
	ticks := make(chan int)
	go func() {
		for i := range 3 {
			time.Sleep(time.Millisecond)
			ticks <- i
		}
		close(ticks)
	}()
	lines := make(chan string)
	go func() {
		s := bufio.NewScanner(os.Stdin)
		for s.Scan() {
			lines <- s.Text()
		}
		close(lines)
	}()
	for range ticks {
	}
	fmt.Println("ready")
	for line := range lines {
		fmt.Println("line", line)
	}
	return nil
}

func failures() error {
	_, err := os.Open("/nonexistent/file")
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err = os.ReadDir("/dev/null"); err == nil {
		return errors.New("/dev/null was listed")
	}
	if err := os.Mkdir("/tmp", 0o755); !errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.OpenFile("/tmp", os.O_RDWR, 0); err == nil {
		return errors.New("a directory was opened for writing")
	}
	return nil
}

func cwd() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := os.WriteFile("made-here", []byte(dir), 0o644); err != nil {
		return err
	}
	if err := os.Mkdir("/made-at-root", 0o755); err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}

func loop() error {
	fmt.Println("started")
	for i := 0; ; i++ {
	}
}

func sleep() error {
	fmt.Println("started")
	time.Sleep(time.Hour)
	return nil
}

var kept [][]byte

func grow() error {
	for {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
}

func deep(n int) error {
	if n < 0 {
		return nil
	}
	err := deep(n + 1)
	return fmt.Errorf("%d: %w", n, err)
}
