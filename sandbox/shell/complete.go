package shell

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// complete is the tab key: it completes the word before the cursor as a command or a path. When several are possible,
// a second tab lists them.
func (t *terminal) complete() {
	start := t.pos
	for start > 0 && !strings.ContainsRune(" \t;|&<>()'\"`", t.line[start-1]) {
		start--
	}
	word := string(t.line[start:t.pos])
	before := strings.TrimRight(string(t.line[:start]), " \t")
	command := before == "" || strings.ContainsAny(before[len(before)-1:], ";|&(`")
	var list []string
	if command && !strings.Contains(word, "/") {
		list = t.sh.commandsLike(word)
	} else {
		list = t.sh.pathsLike(word)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) == 0 {
		t.write("\a")
		return
	}
	common := list[0]
	for _, s := range list[1:] {
		for !strings.HasPrefix(s, common) {
			r := []rune(common)
			common = string(r[:len(r)-1])
		}
	}
	if len(list) == 1 && !strings.HasSuffix(common, "/") {
		common += " "
	}
	if len(common) > len(word) {
		t.insert([]rune(common[len(word):]))
		return
	}
	if !t.lastTab {
		t.write("\a")
		return
	}
	for i, s := range list {
		list[i] = s[strings.LastIndexByte(strings.TrimSuffix(s, "/"), '/')+1:]
	}
	pos := t.pos
	t.end()
	t.write("\n" + columns(list, t.width()))
	t.row, t.pos = 0, pos
	t.refresh()
}

// columns lays a list out as ls does.
func columns(list []string, width int) string {
	widest := 0
	for _, s := range list {
		widest = max(widest, visibleWidth(s))
	}
	per := max(width/(widest+2), 1)
	rows := (len(list) + per - 1) / per
	var b strings.Builder
	for r := range rows {
		for i := r; i < len(list); i += rows {
			b.WriteString(list[i])
			if i+rows < len(list) {
				b.WriteString(strings.Repeat(" ", widest+2-visibleWidth(list[i])))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (sh *shell) commandsLike(prefix string) []string {
	var list []string
	add := func(name string) {
		if strings.HasPrefix(name, prefix) {
			list = append(list, name)
		}
	}
	for name := range sh.builtins {
		add(name)
	}
	for name := range sh.funcs {
		add(name)
	}
	for name := range sh.aliases {
		add(name)
	}
	for _, dir := range strings.Split(sh.getenv("PATH"), ":") {
		for _, e := range sh.readDir(dir) {
			if e.Type != abi.DT_DIR {
				add(e.Name)
			}
		}
	}
	return list
}

func (sh *shell) pathsLike(word string) []string {
	dir, base := "", word
	if i := strings.LastIndexByte(word, '/'); i >= 0 {
		dir, base = word[:i+1], word[i+1:]
	}
	look := dir
	if strings.HasPrefix(look, "~/") {
		look = sh.getenv("HOME") + look[1:]
	}
	var list []string
	for _, e := range sh.readDir(look) {
		if e.Name == "." || e.Name == ".." || !strings.HasPrefix(e.Name, base) || base == "" && e.Name[0] == '.' {
			continue
		}
		name := dir + e.Name
		if e.Type == abi.DT_DIR || e.Type == abi.DT_LNK && sh.isDir(look+e.Name) {
			name += "/"
		}
		list = append(list, name)
	}
	return list
}
