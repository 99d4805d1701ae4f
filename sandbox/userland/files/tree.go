package files

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Tree draws directories and what is below them.
func Tree(c *applet.Context) int {
	c.Getopt("")
	t := &tree{c: c}
	roots := c.Args
	if len(roots) == 0 {
		roots = []string{"."}
	}
	for _, root := range roots {
		list, err := sys.ReadDir(root)
		if err != nil {
			c.Out.WriteString(root + " [error opening dir]\n")
			continue
		}
		c.Out.WriteString(root + "\n")
		t.below(root, "", list)
	}
	c.Out.Printf("\n%d directories, %d files\n", t.dirs, t.files)
	return 0
}

type tree struct {
	c           *applet.Context
	dirs, files int
}

func (t *tree) below(dir, prefix string, list []sys.Dirent) {
	list = slices.DeleteFunc(list, func(d sys.Dirent) bool { return strings.HasPrefix(d.Name, ".") })
	slices.SortFunc(list, func(a, b sys.Dirent) int { return strings.Compare(a.Name, b.Name) })
	for i, d := range list {
		branch, deeper := "├── ", "│   "
		if i == len(list)-1 {
			branch, deeper = "└── ", "    "
		}
		path := dir + "/" + d.Name
		line := prefix + branch + d.Name
		st, err := sys.Lstat(path)
		kind := uint32(0)
		if err == nil {
			kind = st.Mode & abi.S_IFMT
		}
		if kind == abi.S_IFLNK {
			if target, err := sys.Readlink(path); err == nil {
				line += " -> " + target
			}
			if st, err := sys.Stat(path); err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR {
				t.dirs++
			} else {
				t.files++
			}
		}
		if kind == abi.S_IFDIR {
			t.dirs++
			below, err := sys.ReadDir(path)
			if err != nil {
				line += " [error opening dir]"
			}
			t.c.Out.WriteString(line + "\n")
			t.below(path, prefix+deeper, below)
			continue
		}
		if kind != abi.S_IFLNK {
			t.files++
		}
		t.c.Out.WriteString(line + "\n")
	}
}
