package logfile

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"time"
)

// maxLine is the length at which a line is split into partial entries: the size of dockerd's buffer, which has to hold
// the newline, too.
const maxLine = 16 << 10

// Partial says which part of a long line an entry is; Ordinal is 0 for those that are no part.
type Partial struct {
	ID      string // the same for all parts
	Ordinal int    // from 1
	Last    bool
}

// Splitter makes entries of what a program writes to one stream, as dockerd does: an entry a line, long lines in parts
// that have the time of their first. The zero value is ready.
type Splitter struct {
	begun []byte
	first time.Time
	part  Partial // of the entry before; zero after a whole line
}

// Next takes the next entry from p and returns what is left. There is none when p's end is in mid-line: Splitter keeps
// that. The entry, which has neither stream nor attributes, is valid until the next call.
func (s *Splitter) Next(p []byte, now time.Time) (e Entry, rest []byte, ok bool) {
	room := maxLine - len(s.begun)
	i := bytes.IndexByte(p[:min(len(p), room)], '\n')
	switch {
	case i >= 0:
		e, rest = Entry{Time: now, Line: p[:i+1]}, p[i+1:]
		if s.part.Ordinal > 0 {
			e.Time, e.Partial = s.first, Partial{s.part.ID, s.part.Ordinal + 1, true}
			s.part = Partial{}
		}
	case len(p) >= room:
		e, rest = Entry{Line: p[:room]}, p[room:]
		s.cut(&e, now)
	default:
		s.begun = append(s.begun, p...)
		return Entry{}, nil, false
	}
	if len(s.begun) > 0 {
		s.begun = append(s.begun, e.Line...)
		e.Line, s.begun = s.begun, s.begun[:0]
	}
	return e, rest, true
}

// Flush returns what has no newline yet, at the end of the stream.
func (s *Splitter) Flush(now time.Time) (e Entry, ok bool) {
	if len(s.begun) > 0 {
		e, ok = Entry{Line: s.begun}, true
		s.cut(&e, now)
	}
	*s = Splitter{}
	return e, ok
}

// cut makes an entry a part that is not the last.
func (s *Splitter) cut(e *Entry, now time.Time) {
	if s.part.Ordinal == 0 {
		var id [32]byte
		rand.Read(id[:]) // never fails
		s.first, s.part.ID = now, hex.EncodeToString(id[:])
	}
	s.part.Ordinal++
	e.Time, e.Partial = s.first, s.part
}
