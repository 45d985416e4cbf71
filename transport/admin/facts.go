package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// AppendRequest says where a fact of the host's own goes, and of which type it
// is.
type AppendRequest struct {
	// Context is as in a MemberRequest.
	Context string
	Type    messages.FactType
}

// AppendResult is the fact that is on disk.
type AppendResult struct {
	Context messages.ContextID `json:"context"`
	Fact    messages.FactID    `json:"fact"`
}

// FactsRequest says which facts of the host's own to read.
type FactsRequest struct {
	// Context is as in a MemberRequest.
	Context string
	// Author is what a person wrote: a whole id, or as in ResolvePeer; empty: all.
	Author string
	// Query is the rest; its Author is not looked at.
	Query messages.FactQuery
}

// factLine is one line of an answer: a fact, or why there are no more.
type factLine struct {
	Fact    *messages.FactContent `json:"fact,omitempty"`
	Problem *messages.Problem     `json:"problem,omitempty"`
}

// Append appends a fact to the journal of a context. Its body is all of body.
func (c *Client) Append(ctx context.Context, request AppendRequest, body []byte) (AppendResult, error) {
	values := url.Values{"context": {request.Context}, "type": {strconv.Itoa(int(request.Type))}}
	return change[AppendResult](ctx, c, "/v1/append?"+values.Encode(), bytes.NewReader(body))
}

// Facts reads facts, in the order in which the node came to know them. It ends
// with the last one, or, where they are followed, with ctx. An error ends it.
func (c *Client) Facts(ctx context.Context, request FactsRequest) iter.Seq2[messages.FactContent, error] {
	return func(yield func(messages.FactContent, error) bool) {
		answer, err := c.do(ctx, http.MethodGet, "/v1/facts?"+request.values().Encode(), nil)
		if err != nil {
			yield(messages.FactContent{}, err)
			return
		}
		defer answer.Body.Close()
		for decoder := json.NewDecoder(answer.Body); ; {
			var line factLine
			err := decoder.Decode(&line)
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(messages.FactContent{}, transportProblem(ctx, err))
				return
			case line.Problem != nil:
				yield(messages.FactContent{}, *line.Problem)
				return
			case line.Fact != nil && !yield(*line.Fact, nil):
				return
			}
		}
	}
}

func (r FactsRequest) values() url.Values {
	number := func(n uint64) []string { return []string{strconv.FormatUint(n, 10)} }
	return url.Values{
		"context": {r.Context}, "author": {r.Author}, "after": number(uint64(r.Query.After)),
		"from": number(uint64(r.Query.From)), "to": number(uint64(r.Query.To)), "follow": {strconv.FormatBool(r.Query.Follow)},
	}
}

// readFactsRequest reads what values writes. What is missing is zero.
func readFactsRequest(values url.Values) (FactsRequest, error) {
	var failed error
	number := func(name string, bits int) uint64 {
		text := values.Get(name)
		if text == "" {
			return 0
		}
		n, err := strconv.ParseUint(text, 10, bits)
		failed = errors.Join(failed, err)
		return n
	}
	request := FactsRequest{Context: values.Get("context"), Author: values.Get("author"), Query: messages.FactQuery{
		After: messages.FactCursor(number("after", 64)),
		From:  messages.FactType(number("from", 16)), To: messages.FactType(number("to", 16)),
		Follow: values.Get("follow") == "true",
	}}
	return request, notUnderstood(failed)
}

func notUnderstood(err error) error {
	if err == nil {
		return nil
	}
	return messages.Problem{Code: messages.ExitUsage, What: "the request is not understood", Whose: err.Error(), Hint: "waymeet help"}
}

func factRoutes(mux *http.ServeMux, b Backend) {
	mux.HandleFunc("POST /v1/append", func(w http.ResponseWriter, r *http.Request) { appendFact(w, r, b) })
	mux.HandleFunc("GET /v1/facts", func(w http.ResponseWriter, r *http.Request) { streamFacts(w, r, b) })
}

func appendFact(w http.ResponseWriter, r *http.Request, b Backend) {
	ctx, cancel := context.WithTimeout(r.Context(), within(r, quickTimeout))
	defer cancel()
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		fail(w, err)
		return
	}
	defer control.SetReadDeadline(time.Time{})
	kind, err := strconv.ParseUint(r.URL.Query().Get("type"), 10, 16)
	if err != nil {
		fail(w, notUnderstood(err))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, messages.MaxPlaintext))
	if err != nil {
		fail(w, err)
		return
	}
	result, err := b.Append(ctx, AppendRequest{Context: r.URL.Query().Get("context"), Type: messages.FactType(kind)}, body)
	answer(w, result, err)
}

// streamFacts writes one fact a line until there are no more, the caller hangs
// up, or the node stops.
func streamFacts(w http.ResponseWriter, r *http.Request, b Backend) {
	request, err := readFactsRequest(r.URL.Query())
	if err != nil {
		fail(w, err)
		return
	}
	facts, err := b.Facts(r.Context(), request)
	if err != nil {
		fail(w, err)
		return
	}
	lines := newLineWriter[factLine](w)
	if lines.flush() != nil {
		return
	}
	for fact, err := range facts {
		line := factLine{Fact: &fact}
		if err != nil {
			problem := problemOf(err)
			line = factLine{Problem: &problem}
		}
		if lines.write(line) != nil || err != nil {
			return
		}
	}
}
