package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// newLogger logs to w, or to the journal with fields of their own when systemd has connected w to it.
func newLogger(level slog.Leveler, w io.Writer) *slog.Logger {
	if toJournal, err := journal.StderrIsJournalStream(); err == nil && toJournal && journal.Enabled() {
		return slog.New(&journalHandler{level: level, send: journal.Send})
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// journalHandler writes records to the journal: the level as PRIORITY, the attributes as fields (systemd.journal-fields(7)),
// and both in MESSAGE, which is all that most readers show.
type journalHandler struct {
	level  slog.Leveler
	send   func(message string, priority journal.Priority, vars map[string]string) error
	attrs  []slog.Attr // of WithAttrs, with their groups in the keys
	prefix string      // of WithGroup
}

func (h *journalHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

func (h *journalHandler) Handle(_ context.Context, r slog.Record) error {
	fields := map[string]string{"SYSLOG_IDENTIFIER": "sockerlessd"}
	var text strings.Builder
	text.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		for _, a := range flatten("", a) {
			value := a.Value.String()
			fields[fieldName(a.Key)] = value
			if strings.ContainsAny(value, " \t\n\"=") || value == "" {
				value = fmt.Sprintf("%q", value)
			}
			fmt.Fprintf(&text, " %s=%s", a.Key, value)
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(func(a slog.Attr) bool {
		a.Key = h.prefix + a.Key
		return add(a)
	})
	return h.send(text.String(), priority(r.Level), fields)
}

func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = slices.Clip(c.attrs)
	for _, a := range attrs {
		a.Key = h.prefix + a.Key
		c.attrs = append(c.attrs, a)
	}
	return &c
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.prefix += name + "."
	return &c
}

// flatten gives the attributes of groups the groups' names.
func flatten(prefix string, a slog.Attr) []slog.Attr {
	a.Value = a.Value.Resolve()
	a.Key = prefix + a.Key
	if a.Value.Kind() != slog.KindGroup {
		return []slog.Attr{a}
	}
	var all []slog.Attr
	for _, inner := range a.Value.Group() {
		all = append(all, flatten(a.Key+".", inner)...)
	}
	return all
}

// fieldName makes a journal field's name of a key: capitals, digits and underscores, the first a letter, at most 64.
func fieldName(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
	name = "SOCKERLESS_" + name
	return name[:min(len(name), 64)]
}

func priority(l slog.Level) journal.Priority {
	switch {
	case l >= slog.LevelError:
		return journal.PriErr
	case l >= slog.LevelWarn:
		return journal.PriWarning
	case l >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}
