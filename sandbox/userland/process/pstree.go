package process

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// pstree draws processes as a tree.
type pstree struct {
	c        *applet.Context
	pids     bool
	children map[int][]*process
}

// Pstree shows the processes as a tree, from process 1, a given one, or those of a user.
func Pstree(c *applet.Context) int {
	o := c.Getopt("p")
	c.NArgs(0, 1)
	t := &pstree{c: c, pids: o.Has("p"), children: map[int][]*process{}}
	list := processes(c)
	for _, p := range list {
		t.children[p.ppid] = append(t.children[p.ppid], p)
	}
	for _, below := range t.children {
		slices.SortStableFunc(below, func(a, b *process) int {
			return cmp.Or(strings.Compare(a.comm, b.comm), a.pid-b.pid)
		})
	}
	var roots []*process
	root := 1
	if len(c.Args) > 0 {
		n, err := strconv.Atoi(c.Args[0])
		if err != nil {
			u := applet.LoadAccounts().User(c.Args[0])
			if u == nil {
				c.Fatalf("unknown user %s", c.Args[0])
			}
			for _, p := range list { // those whose parent is another user's
				i := slices.IndexFunc(list, func(q *process) bool { return q.pid == p.ppid })
				if p.uid == u.UID && (i < 0 || list[i].uid != u.UID) {
					roots = append(roots, p)
				}
			}
			if len(roots) == 0 {
				c.Out.WriteString("No processes found\n")
				return 1
			}
		}
		root = n
	}
	if roots == nil {
		for _, p := range list {
			if p.pid == root {
				roots = append(roots, p)
			}
		}
	}
	for i, p := range roots {
		if i > 0 {
			c.Out.WriteByte('\n')
		}
		for _, line := range t.draw(p) {
			c.Out.WriteString(line + "\n")
		}
	}
	return 0
}

// draw returns the lines of a process and its descendants. Without pids, children that look alike are counted.
func (t *pstree) draw(p *process) []string {
	name := p.comm
	if t.pids {
		name = fmt.Sprintf("%s(%d)", name, p.pid)
	}
	var branches [][]string
	var counts []int
	for _, child := range t.children[p.pid] {
		lines := t.draw(child)
		if n := len(branches); n > 0 && !t.pids && slices.Equal(branches[n-1], lines) {
			counts[n-1]++
			continue
		}
		branches = append(branches, lines)
		counts = append(counts, 1)
	}
	if len(branches) == 0 {
		return []string{name}
	}
	var out []string
	pad := strings.Repeat(" ", len(name))
	for i, branch := range branches {
		first, rest := pad+" |-", pad+" | "
		switch {
		case len(branches) == 1:
			first, rest = name+"---", pad+"   "
		case i == 0:
			first = name + "-+-"
		case i == len(branches)-1:
			first, rest = pad+" `-", pad+"   "
		}
		if counts[i] > 1 {
			times := fmt.Sprintf("%d*[", counts[i])
			first += times
			rest += strings.Repeat(" ", len(times))
			branch = slices.Clone(branch)
			branch[len(branch)-1] += "]"
		}
		for j, line := range branch {
			if j == 0 {
				out = append(out, first+line)
			} else {
				out = append(out, rest+line)
			}
		}
	}
	return out
}
