package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/waymeet/waymeet/messages"
)

const (
	// maxBody bounds every body but that of a file.
	maxBody = 64 << 10
	// bodyTimeout bounds how long a caller may take to send such a body.
	bodyTimeout = 10 * time.Second
	// quickTimeout bounds a request that waits for nobody else.
	quickTimeout = 30 * time.Second
	// joinTimeout bounds a join; a ticket lives 10 minutes by default.
	joinTimeout = 10 * time.Minute
	// drainTimeout bounds how long the rest of a refused file is read, so that
	// its sender comes to read why it was refused.
	drainTimeout = 5 * time.Second
)

func nodeRoutes(b Backend, unsafeDebug bool) http.Handler {
	mux := http.NewServeMux()
	get(mux, "/v1/role", func(context.Context) (roleReply, error) { return roleReply{RoleNode}, nil })
	get(mux, "/v1/status", b.Status)
	get(mux, "/v1/actors", b.Actors)
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) { streamEvents(w, r, b) })
	post(mux, "/v1/invite", quickTimeout, func(ctx context.Context, q InviteRequest) (inviteReply, error) {
		ticket, err := b.Invite(ctx, q)
		return inviteReply{ticket}, err
	})
	post(mux, "/v1/join", joinTimeout, func(ctx context.Context, q joinRequest) (JoinResult, error) {
		return b.Join(ctx, q.Ticket)
	})
	post(mux, "/v1/remove", quickTimeout, b.Remove)
	post(mux, "/v1/rotate", quickTimeout, b.Rotate)
	factRoutes(mux, b)
	mux.HandleFunc("POST /v1/send", func(w http.ResponseWriter, r *http.Request) { receiveFile(w, r, b) })
	if unsafeDebug {
		debugRoutes(mux, b)
	} else {
		mux.HandleFunc("POST /v1/debug/", refuseDebug)
	}
	mux.HandleFunc("/", noRoute)
	return mux
}

func relayRoutes(b RelayBackend) http.Handler {
	mux := http.NewServeMux()
	get(mux, "/v1/role", func(context.Context) (roleReply, error) { return roleReply{RoleRelay}, nil })
	get(mux, "/v1/status", b.Status)
	get(mux, "/v1/actors", b.Actors)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusNotFound, messages.Problem{
			Code: messages.ExitUsage, What: "that cannot be asked here", Whose: "a relay runs in this state directory, not a node",
			Hint: "the --state of a node",
		})
	})
	return mux
}

// get answers a question that has no body.
func get[R any](mux *http.ServeMux, path string, ask func(context.Context) (R, error)) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), quickTimeout)
		defer cancel()
		reply, err := ask(ctx)
		answer(w, reply, err)
	})
}

// post reads a Q and answers with an R. An empty body is the zero Q.
func post[Q, R any](mux *http.ServeMux, path string, limit time.Duration, do func(context.Context, Q) (R, error)) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), within(r, limit))
		defer cancel()
		question, err := readBody[Q](w, r)
		if err != nil {
			fail(w, err)
			return
		}
		reply, err := do(ctx, question)
		answer(w, reply, err)
	})
}

func readBody[Q any](w http.ResponseWriter, r *http.Request) (question Q, err error) {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		return question, err
	}
	defer control.SetReadDeadline(time.Time{})
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&question); {
	case errors.Is(err, io.EOF):
		return question, nil
	case err != nil:
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return question, err
		}
		return question, notUnderstood(err)
	}
	return question, nil
}

func answer[R any](w http.ResponseWriter, reply R, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(reply)
}

// streamEvents writes one event a line until the caller hangs up, the node
// stops, or the caller no longer reads.
func streamEvents(w http.ResponseWriter, r *http.Request, b Backend) {
	events := b.Events(r.Context())
	lines := newLineWriter[messages.Event](w)
	if lines.flush() != nil {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case event, ok := <-events:
			if !ok || lines.write(event) != nil {
				return
			}
		}
	}
}

// lineWriter answers with one JSON object a line.
type lineWriter[L any] struct {
	encoder *json.Encoder
	flush   func() error
}

func newLineWriter[L any](w http.ResponseWriter) lineWriter[L] {
	w.Header().Set("Content-Type", "application/x-ndjson")
	return lineWriter[L]{json.NewEncoder(w), http.NewResponseController(w).Flush}
}

func (l lineWriter[L]) write(line L) error {
	if err := l.encoder.Encode(line); err != nil {
		return err
	}
	return l.flush()
}

// receiveFile hands the body to the node as a file. The body is asked for
// (100 Continue) only when the node reads from it.
func receiveFile(w http.ResponseWriter, r *http.Request, b Backend) {
	to, errTo := url.QueryUnescape(r.Header.Get(headerTo))
	name, errName := url.QueryUnescape(r.Header.Get(headerName))
	if err := errors.Join(errTo, errName); err != nil || r.ContentLength < 0 {
		fail(w, messages.Problem{
			Code: messages.ExitUsage, What: "the request is not understood",
			Whose: "a file needs its length, its name and its recipient", Hint: "waymeet send FILE --to PEER",
		})
		return
	}
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil {
		fail(w, err)
		return
	}
	body := &countingReader{from: r.Body}
	result, err := b.Send(r.Context(), to, name, r.ContentLength, body)
	answer(w, result, err)
	if err != nil && body.read > 0 {
		control.Flush()
		control.SetReadDeadline(time.Now().Add(drainTimeout))
		io.Copy(io.Discard, r.Body)
	}
}

// countingReader knows whether its reader was ever asked.
type countingReader struct {
	from io.Reader
	read int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read += n
	return n, err
}

func noRoute(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, http.StatusNotFound, messages.Problem{
		Code: messages.ExitUsage, What: "the node cannot be asked that", Whose: "it has no " + r.Method + " " + messages.Printable(r.URL.Path),
		Hint: "a node and a command of one version",
	})
}
