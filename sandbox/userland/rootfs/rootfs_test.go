package rootfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
)

var (
	module  = []byte("\x00asm, let us say")
	applets = []string{"busybox", "ash", "ls", "[", "chroot", "ifconfig", "made-up", "sh", "env"}
)

type member struct {
	*tar.Header
	content string
}

func members(t *testing.T, write func(io.Writer) error) (names []string, byName map[string]member) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	byName = map[string]member{}
	for tr := tar.NewReader(&b); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names, byName
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		if _, twice := byName[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		names = append(names, name)
		byName[name] = member{h, string(content)}
	}
}

func all(w io.Writer) error { return Write(w, module, applets) }

func TestSameInputGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	var a, b bytes.Buffer
	if err := all(&a); err != nil {
		t.Fatal(err)
	}
	if err := Write(&b, module, []string{"made-up", "ls", "[", "env", "ifconfig", "chroot"}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the order of the applets changes the tar")
	}
}

func TestMembersAreSortedHaveParentsAndOneTime(t *testing.T) {
	t.Parallel()
	for _, l := range append(Layers(module, applets), Layer{"all", all}) {
		names, byName := members(t, l.Write)
		if !slices.IsSorted(names) {
			t.Errorf("%s: not sorted: %v", l.CreatedBy, names)
		}
		for name, m := range byName {
			if parent := path.Dir(name); parent != "." && byName[parent].Header == nil {
				t.Errorf("%s: %s has no parent", l.CreatedBy, name)
			}
			if !m.ModTime.Equal(Created) || m.Uid != 0 || m.Uname != "" {
				t.Errorf("%s: %s has time %v, owner %d %q", l.CreatedBy, name, m.ModTime, m.Uid, m.Uname)
			}
		}
	}
}

func TestLayersTogetherAreTheWhole(t *testing.T) {
	t.Parallel()
	_, whole := members(t, all)
	got := map[string]member{}
	for _, l := range Layers(module, applets) {
		_, byName := members(t, l.Write)
		for name, m := range byName {
			if old, found := got[name]; found && (old.Mode != m.Mode || old.Typeflag != tar.TypeDir) {
				t.Errorf("%s differs between layers", name)
			}
			got[name] = m
		}
	}
	if len(got) != len(whole) {
		t.Errorf("the layers have %d files, the whole %d", len(got), len(whole))
	}
}

func TestFilesAreWhereAlpineHasThem(t *testing.T) {
	t.Parallel()
	_, byName := members(t, all)
	for name, want := range map[string]struct {
		kind byte
		mode int64
		text string // target of a link, beginning of a file
	}{
		"bin/busybox":     {tar.TypeReg, 0o755, string(module)},
		"bin/sh":          {tar.TypeReg, 0o755, abi.ShellMagic},
		"bin/ash":         {tar.TypeSymlink, 0o777, "/bin/sh"},
		"bin/bash":        {tar.TypeSymlink, 0o777, "/bin/sh"},
		"bin/ls":          {tar.TypeSymlink, 0o777, "/bin/busybox"},
		"usr/bin/[":       {tar.TypeSymlink, 0o777, "/bin/busybox"},
		"usr/bin/env":     {tar.TypeSymlink, 0o777, "/bin/busybox"},
		"usr/bin/made-up": {tar.TypeSymlink, 0o777, "/bin/busybox"},
		"sbin/ifconfig":   {tar.TypeSymlink, 0o777, "/bin/busybox"},
		"usr/sbin/chroot": {tar.TypeSymlink, 0o777, "/bin/busybox"},
		"tmp":             {tar.TypeDir, 0o1777, ""},
		"var/tmp":         {tar.TypeDir, 0o1777, ""},
		"root":            {tar.TypeDir, 0o700, ""},
		"proc":            {tar.TypeDir, 0o555, ""},
		"etc/shadow":      {tar.TypeReg, 0o640, "root:*:"},
		"etc/os-release":  {tar.TypeReg, 0o644, "NAME=\"Sockerless\"\nID=sockerless\nID_LIKE=alpine\nVERSION_ID="},
		"etc/passwd":      {tar.TypeReg, 0o644, "root:x:0:0:root:/root:/bin/sh\n"},
		"var/run":         {tar.TypeSymlink, 0o777, "../run"},
	} {
		m, found := byName[name]
		if !found {
			t.Errorf("%s is missing", name)
			continue
		}
		text := m.content + m.Linkname
		if m.Typeflag != want.kind || m.Mode != want.mode || !strings.HasPrefix(text, want.text) {
			t.Errorf("%s: type %c mode %o text %q", name, m.Typeflag, m.Mode, text)
		}
	}
}

func TestEveryAccountHasAShadowAndAGroup(t *testing.T) {
	t.Parallel()
	groups, shadows := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(group) {
		groups[strings.Split(line, ":")[2]] = true
	}
	for line := range strings.Lines(shadow) {
		shadows[strings.Split(line, ":")[0]] = true
	}
	for line := range strings.Lines(passwd) {
		f := strings.Split(line, ":")
		if len(f) != 7 || !groups[f[3]] || !shadows[f[0]] {
			t.Errorf("%q: group known %v, shadow %v", line, groups[f[3]], shadows[f[0]])
		}
	}
}
