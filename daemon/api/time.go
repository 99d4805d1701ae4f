package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// timeParam reads a time: seconds since the epoch with an optional fraction. Zero when it is missing.
func timeParam(r *http.Request, name string) (time.Time, error) {
	text := r.Form.Get(name)
	if text == "" || text == "0" {
		return time.Time{}, nil
	}
	t, err := parseTime(text)
	if err != nil {
		return time.Time{}, badRequest(fmt.Errorf("invalid timestamp %q: %w", text, err))
	}
	return t, nil
}

// parseTime reads seconds and up to 20 digits of a fraction, of which 9 count.
func parseTime(text string) (time.Time, error) {
	secs, frac, _ := strings.Cut(text, ".")
	sec, err := strconv.ParseInt(secs, 10, 64)
	if err != nil {
		if e := (*strconv.NumError)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return time.Time{}, fmt.Errorf("invalid seconds %q: %w", secs, err)
	}
	const digits = 20
	if len(frac) > digits {
		return time.Time{}, fmt.Errorf("invalid nanoseconds: length %d exceeds maximum %d", len(frac), digits)
	}
	var nsec int64
	for i := range 9 {
		nsec *= 10
		if i < len(frac) {
			nsec += int64(frac[i] - '0')
		}
	}
	for i := range len(frac) {
		if c := frac[i]; c < '0' || c > '9' {
			return time.Time{}, fmt.Errorf("invalid nanoseconds: invalid character %q at position %d", c, i)
		}
	}
	return time.Unix(sec, nsec), nil
}
