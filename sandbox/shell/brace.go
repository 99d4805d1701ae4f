package shell

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// braces expands a word's braces (bash) and the words that come of it; false when there are none.
func (x *expander) braces(w *syntax.Word) (bool, error) {
	copied := *w
	if !hasBrace(w) || !syntax.SplitBraces(&copied) {
		return false, nil
	}
	count := 0
	return true, eachBrace(copied.Parts, nil, func(parts []syntax.WordPart) error {
		if count++; count > maxBraceWords {
			return shellError("brace expansion: too many words")
		}
		if count%1024 == 0 && x.sh.task.Checkpoint() != nil {
			return errDying
		}
		return x.word(&syntax.Word{Parts: parts})
	})
}

const maxBraceWords = 1 << 20

func hasBrace(w *syntax.Word) bool {
	for _, p := range w.Parts {
		if l, ok := p.(*syntax.Lit); ok && strings.Contains(l.Value, "{") {
			return true
		}
	}
	return false
}

// eachBrace calls f with every combination of the brace expressions in parts.
func eachBrace(parts, done []syntax.WordPart, f func([]syntax.WordPart) error) error {
	for i, p := range parts {
		b, ok := p.(*syntax.BraceExp)
		if !ok {
			done = append(done[:len(done):len(done)], p)
			continue
		}
		rest := parts[i+1:]
		if !b.Sequence {
			for _, e := range b.Elems {
				joined := append(append([]syntax.WordPart(nil), e.Parts...), rest...)
				if err := eachBrace(joined, done, f); err != nil {
					return err
				}
			}
			return nil
		}
		return eachOfSequence(b, func(s string) error {
			lit := &syntax.Lit{Value: s}
			return eachBrace(rest, append(done[:len(done):len(done)], lit), f)
		})
	}
	return f(done)
}

// eachOfSequence counts through {x..y..step}.
func eachOfSequence(b *syntax.BraceExp, f func(string) error) error {
	lo, hi := b.Elems[0].Lit(), b.Elems[1].Lit()
	step := int64(1)
	if len(b.Elems) > 2 {
		step, _ = strconv.ParseInt(b.Elems[2].Lit(), 10, 64)
		step = max(step, -step)
		if step <= 0 {
			step = 1
		}
	}
	from, err1 := strconv.ParseInt(lo, 10, 64)
	to, err2 := strconv.ParseInt(hi, 10, 64)
	width := 0
	show := func(n int64) string {
		s := strconv.FormatInt(max(n, -n), 10)
		for len(s) < width {
			s = "0" + s
		}
		if n < 0 {
			s = "-" + s
		}
		return s
	}
	if err1 != nil || err2 != nil {
		from, to = int64(lo[0]), int64(hi[0])
		show = func(n int64) string { return string(rune(n)) }
	} else {
		for _, s := range []string{lo, hi} {
			if t := strings.TrimLeft(s, "-"); len(t) > 1 && t[0] == '0' {
				width = max(width, len(strings.TrimLeft(lo, "-")), len(strings.TrimLeft(hi, "-")))
			}
		}
	}
	for n := from; ; {
		if err := f(show(n)); err != nil {
			return err
		}
		if from <= to {
			if n > to-step {
				return nil
			}
			n += step
		} else {
			if n < to+step {
				return nil
			}
			n -= step
		}
	}
}
