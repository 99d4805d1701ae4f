package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland"
	"github.com/sockerless/sockerless/sandbox/userland/rootfs"
)

// A script runs in a sandbox that has the built-in shell and busybox, and nothing of the host.
func Example() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	// An image is a list of uncompressed tars. This one is the embedded image.
	busybox, err := userland.Busybox()
	if err != nil {
		log.Fatal(err)
	}
	image := filepath.Join(dir, "image.tar")
	f, err := os.Create(image)
	if err != nil {
		log.Fatal(err)
	}
	if err := rootfs.Write(f, busybox, userland.Applets()); err != nil {
		log.Fatal(err)
	}
	f.Close()

	rt, err := sandbox.NewRuntime(context.Background(), sandbox.RuntimeConfig{CacheDir: cacheDir()})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	box, err := rt.Open(&sandbox.Config{Hostname: "box", Layers: []string{image}, Limits: sandbox.Limits{Memory: 256 << 20, Pids: 50}})
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()

	var stdout bytes.Buffer
	p, err := box.Start(&sandbox.ProcessConfig{
		Argv:   []string{"sh", "-c", `echo "hello from $(hostname), process $$"; seq 3 | tac; exit 5`},
		Env:    []string{"PATH=" + rootfs.Path},
		Stdout: sandbox.NewSink(&stdout),
	})
	if err != nil {
		log.Fatal(err)
	}
	<-p.Done()
	fmt.Print(stdout.String())
	fmt.Println("exit code", p.Status().ExitCode())
	// Output:
	// hello from box, process 1
	// 3
	// 2
	// 1
	// exit code 5
}

// A program that never ends is killed; files go in and out as tars.
func ExampleProcess_Signal() {
	box := openExample()
	defer box.Close()

	var in, out bytes.Buffer
	w := tar.NewWriter(&in)
	w.WriteHeader(&tar.Header{Name: "greeting", Mode: 0o644, Size: 3})
	w.Write([]byte("hi\n"))
	w.Close()
	if err := box.WriteArchive(context.Background(), "/tmp", &in, sandbox.WriteOptions{}); err != nil {
		log.Fatal(err)
	}
	p, err := box.Start(&sandbox.ProcessConfig{
		Argv: []string{"/bin/sh", "-c", "cat /tmp/greeting; while :; do :; done"}, Stdout: sandbox.NewSink(&out),
	})
	if err != nil {
		log.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(50 * time.Millisecond):
		p.Signal(abi.SIGKILL)
		<-p.Done()
	}
	fmt.Print(out.String())
	fmt.Println("ended by signal", int(p.Status().Signal()))
	// Output:
	// hi
	// ended by signal 9
}

// openExample opens a sandbox as Example does.
func openExample() *sandbox.Sandbox {
	w, err := shared()
	if err != nil {
		log.Fatal(err)
	}
	box, err := w.rt.Open(&sandbox.Config{Layers: w.layers})
	if err != nil {
		log.Fatal(err)
	}
	return box
}
