package sandbox

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// identity is who a process runs as.
type identity struct {
	cred *vfs.Cred
	home string
}

// lookupIdentity reads a --user value, "user[:group]" by names or numbers, against the sandbox's /etc/passwd and
// /etc/group, as runc does.
func lookupIdentity(ctx *vfs.Context, spec string, groups []string) (identity, error) {
	users := readTable(ctx, "/etc/passwd")
	table := readTable(ctx, "/etc/group")
	userSpec, groupSpec, hasGroup := strings.Cut(spec, ":")
	if userSpec == "" {
		userSpec = "0"
	}
	id := identity{home: "/"}
	var uid, gid uint32
	name := ""
	if entry := find(users, userSpec, 2); len(entry) > 5 {
		name, uid, gid, id.home = entry[0], number(entry[2]), number(entry[3]), entry[5]
	} else if n, ok := parseID(userSpec); ok {
		uid = n
	} else {
		return id, fmt.Errorf("unable to find user %s: no matching entries in passwd file: %w", userSpec, ErrNoUser)
	}
	var extra []uint32
	if hasGroup && groupSpec != "" {
		n, err := lookupGroup(table, groupSpec)
		if err != nil {
			return id, err
		}
		gid = n
	} else if name != "" {
		for _, g := range table {
			if len(g) > 3 && contains(g[3], name) && number(g[2]) != gid {
				extra = append(extra, number(g[2]))
			}
		}
	}
	for _, g := range groups {
		n, err := lookupGroup(table, g)
		if err != nil {
			return id, err
		}
		extra = append(extra, n)
	}
	all := append([]uint32{gid}, extra...)
	slices.Sort(all) // as setgroups(2) does on Linux
	id.cred = &vfs.Cred{UID: uid, RealUID: uid, SavedUID: uid, GID: gid, RealGID: gid, SavedGID: gid, Groups: all}
	return id, nil
}

func lookupGroup(table [][]string, spec string) (uint32, error) {
	if g := find(table, spec, 2); g != nil {
		return number(g[2]), nil
	}
	if n, ok := parseID(spec); ok {
		return n, nil
	}
	return 0, fmt.Errorf("unable to find group %s: no matching entries in group file: %w", spec, ErrNoUser)
}

// find returns the line whose first field is the name or, when key is a number, whose field idField is it.
func find(table [][]string, key string, idField int) []string {
	for _, line := range table {
		if len(line) > idField && line[0] == key {
			return line
		}
	}
	if _, ok := parseID(key); ok {
		for _, line := range table {
			if len(line) > idField && line[idField] == key {
				return line
			}
		}
	}
	return nil
}

func parseID(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return uint32(n), err == nil
}

func number(s string) uint32 {
	n, _ := parseID(s)
	return n
}

func contains(list, name string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if part == name {
			return true
		}
	}
	return false
}

// maxTable bounds /etc/passwd and /etc/group: a container's file must not fill the daemon's memory.
const maxTable = 1 << 20

// readTable reads a file of colon-separated fields; one that is missing is empty.
func readTable(ctx *vfs.Context, path string) [][]string {
	o, err := ctx.Open(ctx.Root, path, abi.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	defer o.Release()
	b, err := io.ReadAll(io.LimitReader(fileReader{o}, maxTable))
	if err != nil {
		return nil
	}
	var table [][]string
	for line := range strings.SplitSeq(string(b), "\n") {
		if line != "" && line[0] != '#' {
			table = append(table, strings.Split(line, ":"))
		}
	}
	return table
}

// fileReader reads an open file to its end.
type fileReader struct{ o *vfs.OpenFile }

func (r fileReader) Read(p []byte) (int, error) {
	n, err := r.o.Read(p)
	if n == 0 && err == nil && len(p) > 0 {
		return 0, io.EOF
	}
	return n, err
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
