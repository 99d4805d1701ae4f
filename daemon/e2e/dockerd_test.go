package e2e

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// peer is a real dockerd, where one can run: as root, with dockerd, containerd, runc and busybox installed. The image
// alpine on it is busybox, so that no registry is asked. E2E_DOCKERD may name another program than dockerd, as one of a
// later version. Why there is none is in the error.
var peer = sync.OnceValues(startDockerd)

var stopPeer func()

func startDockerd() (host string, err error) {
	if os.Geteuid() != 0 {
		return "", errors.New("dockerd needs root")
	}
	program := cmp.Or(os.Getenv("E2E_DOCKERD"), "dockerd")
	for _, name := range []string{program, "containerd", "runc", "busybox"} {
		if _, err := exec.LookPath(name); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(suite.dir, "dockerd")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	host = "unix://" + filepath.Join(dir, "s")
	cmd := exec.Command(program, "-H", host, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=vfs")
	log := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return "", err
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	stopPeer = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-done
	}
	cli, err := client.New(client.WithHost(host))
	if err != nil {
		return "", err
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		if _, err = cli.Ping(ctx, client.PingOptions{}); err == nil {
			break
		}
		select {
		case <-done:
			return "", fmt.Errorf("dockerd does not run here: %s", lastLine(log.String()))
		case <-ctx.Done():
			return "", err
		case <-time.After(50 * time.Millisecond):
		}
	}
	image, err := busyboxImage()
	if err != nil {
		return "", err
	}
	resp, err := cli.ImageImport(ctx, client.ImageImportSource{Source: image, SourceName: "-"}, "alpine", client.ImageImportOptions{Changes: []string{"CMD [\"/bin/sh\"]", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}})
	if err != nil {
		return "", err
	}
	defer resp.Close()
	if _, err := io.Copy(io.Discard, resp); err != nil {
		return "", err
	}
	return host, nil
}

// running is the peer, if it can run containers, too: that it starts does not mean that.
var running = sync.OnceValues(func() (string, error) {
	host, err := peer()
	if err != nil {
		return "", err
	}
	cli, err := client.New(client.WithHost(host))
	if err != nil {
		return "", err
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	created, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Image: "alpine", HostConfig: noNetwork()})
	if err == nil {
		_, err = cli.ContainerStart(ctx, created.ID, client.ContainerStartOptions{})
		_, _ = cli.ContainerRemove(ctx, created.ID, client.ContainerRemoveOptions{Force: true})
	}
	if err != nil {
		return "", fmt.Errorf("dockerd runs no containers here: %w", err)
	}
	return host, nil
})

func lastLine(s string) string {
	lines := bytes.Split(bytes.TrimSpace([]byte(s)), []byte("\n"))
	return string(lines[len(lines)-1])
}

// busyboxImage is a root filesystem of the host's static busybox.
func busyboxImage() (io.Reader, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	applets, err := exec.Command(path, "--list").Output()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	put := func(h tar.Header, data string) {
		h.Size = int64(len(data))
		err = errors.Join(err, w.WriteHeader(&h))
		_, werr := io.WriteString(w, data)
		err = errors.Join(err, werr)
	}
	for _, dir := range []string{"bin", "etc", "root", "tmp", "var", "usr", "proc", "sys", "dev"} {
		put(tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755}, "")
	}
	put(tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, string(program))
	for _, name := range bytes.Fields(applets) {
		if string(name) != "busybox" {
			put(tar.Header{Name: "bin/" + string(name), Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, "")
		}
	}
	put(tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
	put(tar.Header{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644}, "root:x:0:\nnobody:x:65534:\n")
	return &b, errors.Join(err, w.Close())
}

// dockerd gives the real one, or an error that says why there is none.
func dockerd(t testing.TB) *engine { return compared(t, running) }

// answering gives a dockerd that need not be able to run containers.
func answering(t testing.TB) *engine { return compared(t, peer) }

func compared(t testing.TB, with func() (string, error)) *engine {
	t.Helper()
	host, err := with()
	if err != nil {
		t.Skipf("not compared with dockerd: %v", err)
	}
	return connect(t, host)
}
