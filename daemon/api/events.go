package api

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types"
	eventtypes "github.com/moby/moby/api/types/events"

	"github.com/sockerless/sockerless/daemon/events"
)

// events answers GET /events: a stream of JSON objects.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	since, err := timeParam(r, "since")
	if err != nil {
		return badRequest(fmt.Errorf("invalid value for 'since': %w", err))
	}
	if r.Form.Get("since") == "0" {
		since = time.Unix(0, 0) // everything that is remembered
	}
	until, err := timeParam(r, "until")
	if err != nil {
		return badRequest(fmt.Errorf("invalid value for 'until': %w", err))
	}
	if !until.IsZero() && until.Before(since) {
		return badRequest(fmt.Errorf("`since` time (%s) cannot be after `until` time (%s)", r.Form.Get("since"), r.Form.Get("until")))
	}
	filters, err := filtersParam(r)
	if err != nil {
		return err
	}
	ctx, cancel := s.streamContext(r)
	defer cancel()
	enc := newObjectStream(w, r)
	err = s.backend.Events.Stream(ctx, since, until, events.NewFilter(filters), func() {
		w.WriteHeader(http.StatusOK)
		flush(w)
	}, func(m eventtypes.Message) error {
		if !atLeast(r, "1.46") && m.Type == eventtypes.ImageEventType && m.Action == eventtypes.ActionCreate {
			return nil // unknown to the client
		}
		var v any = m
		if !atLeast(r, "1.52") {
			v = legacyEvent(m)
		}
		return enc.send(v)
	})
	if err != nil {
		s.log.Debug("stream of events ended", "error", err)
	}
	return nil
}

// objectStream writes JSON objects one after the other, each on its way at once.
type objectStream struct {
	w   http.ResponseWriter
	seq bool // each begins with a record separator (RFC 7464)
}

// newObjectStream sets the content type of a stream of objects: the one that the client asks for by Accept, if it is one
// of JSON's.
func newObjectStream(w http.ResponseWriter, r *http.Request) *objectStream {
	contentType := types.MediaTypeJSONLines
	if !atLeast(r, "1.52") {
		contentType = types.MediaTypeJSON // which it is not, but clients know it so
	}
	for _, accept := range strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, _, err := mime.ParseMediaType(accept)
		if err == nil && slices.Contains([]string{types.MediaTypeJSONLines, types.MediaTypeNDJSON, types.MediaTypeJSONSequence}, kind) {
			contentType = kind
			break
		}
	}
	w.Header().Set("Content-Type", contentType)
	return &objectStream{w, contentType == types.MediaTypeJSONSequence}
}

func (o *objectStream) send(v any) error {
	if o.seq {
		if _, err := io.WriteString(o.w, "\x1e"); err != nil {
			return err
		}
	}
	enc := json.NewEncoder(o.w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	flush(o.w)
	return nil
}
