// Package rootfs makes the file system of the embedded image: a small Linux root, laid out as Alpine's base, whose
// programs are the sandbox's own. What it writes is deterministic: the same input gives the same bytes.
package rootfs

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Version is that of the layout. It changes with every change of what Layers writes for the same input.
const Version = "1"

// Path is the PATH of programs in the image.
const Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Created is the modification time of every file, fixed so that the layers are the same wherever they are made.
var Created = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Layer is one layer of the image.
type Layer struct {
	CreatedBy string // what made it, for the image's history
	Write     func(io.Writer) error
}

// Layers returns the image's layers, lowest first: the base files; the busybox, a WebAssembly module, with a link for
// each applet; the shell. An applet goes where Alpine has it, one that Alpine doesn't have to /usr/bin.
func Layers(busybox []byte, applets []string) []Layer {
	layer := func(createdBy string, entries func() []entry) Layer {
		return Layer{createdBy, func(w io.Writer) error { return write(w, entries()) }}
	}
	return []Layer{
		layer("base files # directories, accounts and configuration", base),
		layer("busybox.wasm # /bin/busybox and its applets", func() []entry { return programs(busybox, applets) }),
		layer("shell # /bin/sh, built into the sandbox", shell),
	}
}

// Write writes all layers as one tar.
func Write(w io.Writer, busybox []byte, applets []string) error {
	return write(w, slices.Concat(base(), programs(busybox, applets), shell()))
}

// entry is a file. Its kind is mode's: a directory, a symbolic link to target, or a regular file with content.
type entry struct {
	path    string // relative to the root, no slash at either end
	mode    fs.FileMode
	content []byte
	target  string
	gid     int
}

func dir(path string, mode fs.FileMode) entry { return entry{path: path, mode: fs.ModeDir | mode} }

func file(path string, mode fs.FileMode, content string) entry {
	return entry{path: path, mode: mode, content: []byte(content)}
}

func link(path, target string) entry {
	return entry{path: path, mode: fs.ModeSymlink | 0o777, target: target}
}

// programs is the busybox and a symbolic link to it for each applet, as Alpine has them.
func programs(busybox []byte, applets []string) []entry {
	entries := []entry{
		dir("bin", 0o755), dir("sbin", 0o755), dir("usr", 0o755), dir("usr/bin", 0o755), dir("usr/sbin", 0o755),
		{path: "bin/busybox", mode: 0o755, content: busybox},
	}
	for _, name := range applets {
		switch name {
		case "busybox", "sh", "ash", "bash":
			continue
		}
		entries = append(entries, link(path.Join(directoryOf(name), name), "/bin/busybox"))
	}
	return entries
}

// shell is /bin/sh: the loader knows it by its magic. The other names are links; a shell looks at the name it has.
func shell() []entry {
	return []entry{
		dir("bin", 0o755),
		file("bin/sh", 0o755, abi.ShellMagic+"The shell is built into the Sockerless sandbox; this file only tells the loader to start it.\n"),
		link("bin/ash", "/bin/sh"),
		link("bin/bash", "/bin/sh"),
	}
}

// write writes the entries, sorted; of those that come twice, directories mostly, the first.
func write(w io.Writer, entries []entry) error {
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.path == b.path })
	tw := tar.NewWriter(w)
	for _, e := range entries {
		h := &tar.Header{
			Name:    e.path,
			Mode:    int64(e.mode.Perm()),
			Gid:     e.gid,
			ModTime: Created,
			Format:  tar.FormatUSTAR,
		}
		switch {
		case e.mode.IsDir():
			h.Typeflag, h.Name = tar.TypeDir, e.path+"/"
		case e.mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.target
		default:
			h.Typeflag, h.Size = tar.TypeReg, int64(len(e.content))
		}
		if e.mode&fs.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", e.path, err)
		}
		if _, err := tw.Write(e.content); err != nil {
			return fmt.Errorf("%s: %w", e.path, err)
		}
	}
	return tw.Close()
}
