package edit

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/regex"
)

// motion is where a movement leads.
type motion struct {
	row, col  int
	lines     bool // it takes whole lines
	inclusive bool // the character there belongs to it
}

// command reads a command of the command mode and does it.
func (v *vi) command() {
	k := v.key()
	count, counted := 0, false
	for k >= '1' && k <= '9' || k == '0' && counted {
		count = min(count*10+k-'0', 1e6)
		counted = true
		k = v.key()
	}
	times := max(count, 1)
	v.status = ""
	line := v.lines[v.row]
	switch k {
	case ':':
		if text, ok := v.prompt(":"); ok {
			v.colon(text)
		}
	case '/', '?':
		if text, ok := v.prompt(string(rune(k))); ok {
			if text != "" {
				v.pattern = text
			}
			v.backward = k == '?'
			v.find(v.backward)
		}
	case 'n':
		v.find(v.backward)
	case 'N':
		v.find(!v.backward)
	case 'i':
		v.insert(v.col)
	case 'a':
		v.insert(min(v.col+1, len(line)))
	case 'I':
		v.insert(indent(line))
	case 'A':
		v.insert(len(line))
	case 'o', 'O':
		at := v.row
		if k == 'o' {
			at++
		}
		v.remember(v.row, v.col)
		v.insertLines(at, []string{""})
		v.typed(0)
	case 'x', keyDelete, 'X', 's', 'D', 'C', 'S', 'Y':
		v.shorthand(k, times)
	case 'r':
		if x := v.key(); x != escape && v.col+times <= len(line) {
			v.remember(v.row, v.col)
			v.lines[v.row] = line[:v.col] + strings.Repeat(string([]byte{byte(x)}), times) + line[v.col+times:]
			v.col += times - 1
		}
	case '~':
		if v.col < len(line) {
			v.remember(v.row, v.col)
			end := min(v.col+times, len(line))
			swapped := strings.Map(func(r rune) rune {
				if upper := strings.ToUpper(string(r)); upper != string(r) {
					return []rune(upper)[0]
				}
				return []rune(strings.ToLower(string(r)))[0]
			}, line[v.col:end])
			v.lines[v.row] = line[:v.col] + swapped + line[end:]
			v.col = end
		}
	case 'J':
		v.remember(v.row, v.col)
		for range max(times-1, 1) {
			if v.row+1 < len(v.lines) {
				v.col = len(v.lines[v.row])
				v.lines[v.row] += " " + strings.TrimLeft(v.lines[v.row+1], " \t")
				v.lines = slices.Delete(v.lines, v.row+1, v.row+2)
			}
		}
	case 'u':
		if n := len(v.undo); n > 0 {
			s := v.undo[n-1]
			v.undo = v.undo[:n-1]
			v.lines, v.row, v.col, v.dirty = s.lines, s.row, s.col, s.dirty
		} else {
			v.status = "Already at oldest change"
		}
	case 'p', 'P':
		v.put(k == 'p', times)
	case 'Z':
		switch v.key() {
		case 'Z':
			v.colon("x")
		case 'Q':
			v.quit(true)
		}
	case 'd', 'c', 'y', '>', '<':
		v.operator(k, times)
	case escape, 0:
	default:
		if m, ok := v.move(k, count, counted); ok {
			v.row, v.col = m.row, m.col
		} else {
			v.c.Out.WriteString("\a")
		}
	}
}

// shorthand is the commands that stand for an operator and a movement.
func (v *vi) shorthand(k, times int) {
	line := v.lines[v.row]
	from, to := v.col, min(v.col+times, len(line))
	switch k {
	case 'X':
		from, to = max(v.col-times, 0), v.col
	case 'D', 'C':
		to = len(line)
	case 'S':
		from, to = 0, len(line)
	case 'Y':
		v.yanked, v.whole = slices.Clone(v.lines[v.row:min(v.row+times, len(v.lines))]), true
		return
	}
	v.remember(v.row, v.col)
	v.yanked, v.whole = []string{line[from:to]}, false
	v.lines[v.row] = line[:from] + line[to:]
	v.col = from
	if k == 's' || k == 'C' || k == 'S' {
		v.typed(from)
	}
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// insert begins typing at a column.
func (v *vi) insert(col int) {
	v.remember(v.row, v.col)
	v.typed(col)
}

// typed is the insert mode.
func (v *vi) typed(col int) {
	v.col = col
	for !v.done {
		v.show()
		line := v.lines[v.row]
		switch k := v.key(); {
		case k == escape:
			v.col = max(v.col-1, 0)
			return
		case k == '\r' || k == '\n':
			v.lines[v.row] = line[:v.col]
			v.lines = slices.Insert(v.lines, v.row+1, line[v.col:])
			v.row, v.col = v.row+1, 0
		case k == 127 || k == 8:
			switch {
			case v.col > 0:
				v.lines[v.row] = line[:v.col-1] + line[v.col:]
				v.col--
			case v.row > 0:
				v.col = len(v.lines[v.row-1])
				v.lines[v.row-1] += line
				v.lines = slices.Delete(v.lines, v.row, v.row+1)
				v.row--
			}
		case k == keyDelete:
			if v.col < len(line) {
				v.lines[v.row] = line[:v.col] + line[v.col+1:]
			}
		case k >= 0x100:
			if m, ok := v.move(k, 0, false); ok {
				v.row, v.col = m.row, min(m.col, len(v.lines[m.row]))
			}
		default:
			if k == 22 { // ^V takes the next as it is
				k = v.key()
			}
			v.lines[v.row] = line[:v.col] + string([]byte{byte(k)}) + line[v.col:]
			v.col++
		}
	}
}

func (v *vi) insertLines(at int, lines []string) {
	v.lines = slices.Insert(v.lines, at, lines...)
	v.row, v.col = at, 0
}

// put inserts what was yanked or deleted.
func (v *vi) put(after bool, times int) {
	if len(v.yanked) == 0 {
		v.status = "Nothing in register"
		return
	}
	v.remember(v.row, v.col)
	if v.whole {
		at := v.row
		if after {
			at++
		}
		var lines []string
		for range times {
			lines = append(lines, v.yanked...)
		}
		v.insertLines(at, lines)
		return
	}
	line := v.lines[v.row]
	at := v.col
	if after && line != "" {
		at++
	}
	text := strings.Repeat(v.yanked[0], times)
	v.lines[v.row] = line[:at] + text + line[at:]
	v.col = at + len(text) - 1
}

// operator deletes, changes, yanks or shifts what a movement goes over.
func (v *vi) operator(op, times int) {
	k := v.key()
	count, counted := 0, false
	for k >= '1' && k <= '9' || k == '0' && counted {
		count, counted = min(count*10+k-'0', 1e6), true
		k = v.key()
	}
	count = max(count, 1) * times
	m := motion{row: min(v.row+count-1, len(v.lines)-1), lines: true}
	if k != op {
		if op == 'c' && (k == 'w' || k == 'W') {
			k = 'e' // changing a word leaves the blanks behind it
		}
		var ok bool
		if m, ok = v.move(k, count, counted || times > 1); !ok {
			return
		}
		if (k == 'w' || k == 'W') && m.row > v.row { // not over the end of the line
			m.row, m.col = v.row, len(v.lines[v.row])
		}
	}
	startRow, startCol, endRow, endCol := v.row, v.col, m.row, m.col
	if endRow < startRow || endRow == startRow && endCol < startCol && !m.lines {
		startRow, startCol, endRow, endCol = endRow, endCol, startRow, startCol
	}
	if op == '>' || op == '<' {
		v.remember(v.row, v.col)
		for i := startRow; i <= endRow; i++ {
			if op == '>' && v.lines[i] != "" {
				v.lines[i] = "\t" + v.lines[i]
			} else if op == '<' {
				v.lines[i] = strings.TrimPrefix(v.lines[i], "\t")
			}
		}
		return
	}
	if m.lines || startRow != endRow {
		if op == 'y' {
			v.yanked, v.whole = slices.Clone(v.lines[startRow:endRow+1]), true
			v.row = startRow
			return
		}
		v.remember(v.row, v.col)
		v.yanked, v.whole = v.remove(startRow, endRow+1), true
		if op == 'c' {
			if len(v.lines) == 1 && v.lines[0] == "" {
				v.row = 0
			} else {
				v.insertLines(startRow, []string{""})
			}
			v.typed(0)
			return
		}
		v.row, v.col = min(startRow, len(v.lines)-1), 0
		return
	}
	line := v.lines[startRow]
	if m.inclusive {
		endCol = min(endCol+1, len(line))
	}
	v.yanked, v.whole = []string{line[startCol:endCol]}, false
	v.row, v.col = startRow, startCol
	if op == 'y' {
		return
	}
	v.remember(v.row, v.col)
	v.lines[startRow] = line[:startCol] + line[endCol:]
	if op == 'c' {
		v.typed(startCol)
	}
}

// move returns where a movement leads.
func (v *vi) move(k, count int, counted bool) (motion, bool) {
	times := max(count, 1)
	m := motion{row: v.row, col: v.col}
	line := v.lines[v.row]
	height := v.rows - 1
	vertical := func(row int) (motion, bool) {
		return motion{row: min(max(row, 0), len(v.lines)-1), col: v.col, lines: true}, true
	}
	switch k {
	case 'h', keyLeft, 8, 127:
		m.col = max(m.col-times, 0)
	case 'l', keyRight, ' ':
		m.col = min(m.col+times, len(line))
	case 'j', keyDown, 14, '+', '\r', '\n':
		m, _ = vertical(v.row + times)
		if k == '+' || k == '\r' || k == '\n' {
			m.col = indent(v.lines[m.row])
		}
	case 'k', keyUp, 16, '-':
		m, _ = vertical(v.row - times)
	case '0', keyHome:
		m.col = 0
	case '^':
		m.col = indent(line)
	case '$', keyEnd:
		m.col, m.inclusive = max(len(line)-1, 0), true
	case 'G':
		row := len(v.lines) - 1
		if counted {
			row = count - 1
		}
		return vertical(row)
	case 'g':
		if v.key() != 'g' {
			return m, false
		}
		return vertical(times - 1)
	case 'H':
		return vertical(v.top)
	case 'M':
		return vertical(v.top + height/2)
	case 'L':
		return vertical(v.top + height - 1)
	case 6, keyPageDown:
		return vertical(v.row + height)
	case 2, keyPageUp:
		return vertical(v.row - height)
	case 4:
		return vertical(v.row + height/2)
	case 21:
		return vertical(v.row - height/2)
	case 'w', 'b', 'e', 'W', 'B', 'E':
		for range times {
			m = v.word(m, k)
		}
		m.inclusive = k == 'e' || k == 'E'
	case 'f', 't', 'F', 'T':
		x := v.key()
		if x > 0xff {
			return m, false
		}
		return v.search(m, k, byte(x), times)
	default:
		return m, false
	}
	return m, true
}

// class tells blanks, words and the rest apart; with big words there is no rest.
func class(x byte, big bool) int {
	switch {
	case x == ' ' || x == '\t':
		return 0
	case big || x == '_' || x >= '0' && x <= '9' || x >= 'a' && x <= 'z' || x >= 'A' && x <= 'Z' || x >= 0x80:
		return 1
	}
	return 2
}

// word moves by a word.
func (v *vi) word(m motion, k int) motion {
	big := k < 'a'
	line := v.lines[m.row]
	at := func(col int) int { return class(line[col], big) }
	switch k | 0x20 {
	case 'w':
		if m.col < len(line) {
			for this := at(m.col); m.col < len(line) && at(m.col) == this && this != 0; {
				m.col++
			}
		}
		for m.col < len(line) && at(m.col) == 0 {
			m.col++
		}
		if m.col >= len(line) && m.row+1 < len(v.lines) {
			m.row++
			m.col = indent(v.lines[m.row])
		}
	case 'e':
		m.col++
		for m.col < len(line) && at(m.col) == 0 {
			m.col++
		}
		if m.col >= len(line) {
			if m.row+1 >= len(v.lines) {
				m.col = max(len(line)-1, 0)
				return m
			}
			m.row++
			line = v.lines[m.row]
			m.col = indent(line)
		}
		for m.col+1 < len(line) && at(m.col+1) == at(m.col) {
			m.col++
		}
		m.col = min(m.col, max(len(line)-1, 0))
	case 'b':
		if m.col == 0 || indent(line) >= m.col {
			if m.row == 0 {
				m.col = 0
				return m
			}
			m.row--
			line = v.lines[m.row]
			m.col = len(line)
		}
		m.col--
		for m.col > 0 && at(m.col) == 0 {
			m.col--
		}
		for m.col > 0 && at(m.col-1) == at(m.col) {
			m.col--
		}
		m.col = max(m.col, 0)
	}
	return m
}

// search moves to a character in the line.
func (v *vi) search(m motion, k int, x byte, times int) (motion, bool) {
	line := v.lines[m.row]
	step := 1
	if k == 'F' || k == 'T' {
		step = -1
	}
	col := m.col
	for range times {
		for col += step; col >= 0 && col < len(line) && line[col] != x; {
			col += step
		}
		if col < 0 || col >= len(line) {
			return m, false
		}
	}
	if k == 't' || k == 'T' {
		col -= step
	}
	m.col, m.inclusive = col, step > 0
	return m, true
}

// find goes to the next line, or place in this one, that the pattern matches, around the ends of the text.
func (v *vi) find(backward bool) {
	if v.pattern == "" {
		v.status = "No previous search"
		return
	}
	re, err := regex.Compile(v.pattern, regex.Flags{})
	if err != nil {
		v.status = err.Error()
		return
	}
	n := len(v.lines)
	for i := 0; i <= n; i++ {
		row := (v.row + i) % n
		if backward {
			row = ((v.row-i)%n + n) % n
		}
		best := -1
		for from := 0; from <= len(v.lines[row]); {
			loc := re.Match([]byte(v.lines[row]), from)
			if loc == nil {
				break
			}
			col := loc[0]
			inside := i > 0 && i < n || i == 0 && (!backward && col > v.col || backward && col < v.col) || i == n
			if inside {
				best = col
				if !backward {
					break
				}
			}
			from = max(loc[1], col+1)
		}
		if best >= 0 {
			v.row, v.col = row, best
			return
		}
	}
	v.status = "Pattern not found"
}

// substitute is :s/pattern/replacement/g.
func (v *vi) substitute(from, to int, text, separator string) {
	parts := strings.SplitN(text, separator, 3)
	if len(parts) < 2 {
		parts = append(parts, "")
	}
	global := len(parts) > 2 && strings.Contains(parts[2], "g")
	if parts[0] == "" {
		parts[0] = v.pattern
	}
	re, err := regex.Compile(parts[0], regex.Flags{})
	if err != nil {
		v.status = err.Error()
		return
	}
	v.remember(v.row, v.col)
	changed := 0
	for i := from; i <= to; i++ {
		line, out := v.lines[i], ""
		at := 0
		for at <= len(line) {
			loc := re.Match([]byte(line), at)
			if loc == nil {
				break
			}
			changed++
			out += line[at:loc[0]] + strings.ReplaceAll(parts[1], "&", line[loc[0]:loc[1]])
			at = loc[1]
			if loc[0] == loc[1] {
				if at < len(line) {
					out += line[at : at+1]
				}
				at++
			}
			if !global {
				break
			}
		}
		if at <= len(line) {
			out += line[at:]
		}
		v.lines[i] = out
		if changed > 0 {
			v.row, v.col = i, 0
		}
	}
	if changed == 0 {
		s := v.undo[len(v.undo)-1]
		v.undo, v.dirty = v.undo[:len(v.undo)-1], s.dirty
		v.status = "No match"
	}
}
