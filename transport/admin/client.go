package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/waymeet/waymeet/messages"
)

const (
	connectTimeout = 5 * time.Second
	// continueTimeout is how long a sender holds a file back while the node
	// waits for a channel to its recipient.
	continueTimeout = time.Hour
	// maxAnswer bounds an answer that is one JSON value.
	maxAnswer = 64 << 20
)

// Client asks a running node or relay. It is safe for concurrent use.
type Client struct {
	http *http.Client
	role Role
}

// Connect finds the node or relay of a state directory. Errors: a Problem,
// ExitNoNode when none runs there.
func Connect(stateDir string) (*Client, error) {
	path, err := SocketPath(stateDir)
	if err != nil {
		return nil, err
	}
	c := &Client{http: &http.Client{Transport: &http.Transport{
		DialContext:           func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
		DisableCompression:    true,
		ExpectContinueTimeout: continueTimeout,
	}}}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	reply, err := ask[roleReply](ctx, c, http.MethodGet, "/v1/role", nil)
	if err != nil {
		c.Close()
		return nil, err
	}
	c.role = reply.Role
	return c, nil
}

// Close lets go of the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Role says what runs in the state directory.
func (c *Client) Role() Role { return c.role }

// Status is how things stand at a node.
func (c *Client) Status(ctx context.Context) (messages.Status, error) {
	if c.role != RoleNode {
		return messages.Status{}, messages.Problem{Code: messages.ExitUsage, What: "no running node", Whose: "a relay runs in this state directory", Hint: "the --state of a node"}
	}
	return ask[messages.Status](ctx, c, http.MethodGet, "/v1/status", nil)
}

// RelayStatus is how things stand at a relay.
func (c *Client) RelayStatus(ctx context.Context) (messages.RelayStatus, error) {
	if c.role != RoleRelay {
		return messages.RelayStatus{}, messages.Problem{Code: messages.ExitUsage, What: "no running relay", Whose: "a node runs in this state directory", Hint: "the --state of a relay"}
	}
	return ask[messages.RelayStatus](ctx, c, http.MethodGet, "/v1/status", nil)
}

// Actors is the supervision tree of a node or a relay.
func (c *Client) Actors(ctx context.Context) (messages.ActorTree, error) {
	return ask[messages.ActorTree](ctx, c, http.MethodGet, "/v1/actors", nil)
}

// Events is every event from now on: when Events returns, the node is already
// listening to itself. The channel is closed when ctx ends or the node stops;
// the caller ends ctx to let go of it.
func (c *Client) Events(ctx context.Context) (<-chan messages.Event, error) {
	answer, err := c.do(ctx, http.MethodGet, "/v1/events", nil)
	if err != nil {
		return nil, err
	}
	return readLines[messages.Event](ctx, answer), nil
}

// readLines is every line of an answer. The channel is closed when ctx ends or
// the answer does.
func readLines[L any](ctx context.Context, answer *http.Response) <-chan L {
	lines := make(chan L)
	go func() {
		defer close(lines)
		defer answer.Body.Close()
		decoder := json.NewDecoder(answer.Body)
		for {
			var line L
			if decoder.Decode(&line) != nil {
				return
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// Invite makes a ticket.
func (c *Client) Invite(ctx context.Context, request InviteRequest) (ticket string, err error) {
	reply, err := change[inviteReply](ctx, c, "/v1/invite", jsonBody(request))
	return reply.Ticket, err
}

// Join uses a ticket and returns when the context is joined.
func (c *Client) Join(ctx context.Context, ticket string) (JoinResult, error) {
	return ask[JoinResult](ctx, c, http.MethodPost, "/v1/join", jsonBody(joinRequest{ticket}))
}

// Remove takes a member away from a context.
func (c *Client) Remove(ctx context.Context, request MemberRequest) (ContextChange, error) {
	return change[ContextChange](ctx, c, "/v1/remove", jsonBody(request))
}

// Rotate gives the members of a context new keys.
func (c *Client) Rotate(ctx context.Context, request MemberRequest) (ContextChange, error) {
	return change[ContextChange](ctx, c, "/v1/rotate", jsonBody(request))
}

// Send streams size bytes of body to a peer and returns when the peer has
// stored and acknowledged them. The body is not read before the node wants it.
func (c *Client) Send(ctx context.Context, to, name string, size int64, body io.Reader) (SendResult, error) {
	request, err := newRequest(ctx, http.MethodPost, "/v1/send", io.NopCloser(body))
	if err != nil {
		return SendResult{}, err
	}
	request.ContentLength = size
	if size == 0 {
		request.Body = http.NoBody
	}
	request.Header.Set(headerTo, url.QueryEscape(to))
	request.Header.Set(headerName, url.QueryEscape(name))
	request.Header.Set("Expect", "100-continue")
	answer, err := c.roundTrip(request)
	if err != nil {
		return SendResult{}, err
	}
	return readAnswer[SendResult](answer)
}

func jsonBody[Q any](question Q) io.Reader {
	text, err := json.Marshal(question)
	if err != nil {
		panic(fmt.Sprintf("admin: %T has no JSON form: %v", question, err))
	}
	return bytes.NewReader(text)
}

// newRequest names a host because HTTP wants one; the socket is the address.
func newRequest(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, method, "http://waymeet"+path, body)
}

func ask[R any](ctx context.Context, c *Client, method, path string, body io.Reader) (R, error) {
	answer, err := c.do(ctx, method, path, body)
	if err != nil {
		var none R
		return none, err
	}
	return readAnswer[R](answer)
}

func readAnswer[R any](answer *http.Response) (reply R, err error) {
	defer answer.Body.Close()
	body := io.LimitReader(answer.Body, maxAnswer)
	err = json.NewDecoder(body).Decode(&reply)
	io.Copy(io.Discard, body) // a body that was read to its end lets the connection be used again
	if err != nil {
		return reply, messages.Problem{Code: messages.ExitFailed, What: "the node's answer was cut off", Whose: reason(err), Hint: "its log"}
	}
	return reply, nil
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := newRequest(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	return c.roundTrip(request)
}

// roundTrip returns a successful answer with its body open, or the Problem.
func (c *Client) roundTrip(request *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, transportProblem(request.Context(), err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		defer answer.Body.Close()
		return nil, readProblem(answer)
	}
	return answer, nil
}

// transportProblem says why no answer came.
func transportProblem(ctx context.Context, err error) error {
	var problem messages.Problem
	switch {
	case errors.As(err, &problem):
		return problem
	case ctx.Err() != nil:
		return problemOf(ctx.Err())
	}
	return hungUp
}
