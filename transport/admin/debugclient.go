package admin

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/waymeet/waymeet/messages"
)

// Kill makes the actors panic whose paths match the glob.
func (c *Client) Kill(ctx context.Context, pattern string) (int, error) {
	reply, err := ask[killReply](ctx, c, http.MethodPost, "/v1/debug/kill", jsonBody(actorRequest{pattern}))
	return reply.Killed, err
}

// Suspend lets the actors wait whose paths match the glob, until Resume.
func (c *Client) Suspend(ctx context.Context, pattern string) (int, error) {
	reply, err := ask[suspendReply](ctx, c, http.MethodPost, "/v1/debug/suspend", jsonBody(actorRequest{pattern}))
	return reply.Suspended, err
}

// Resume ends what Suspend began.
func (c *Client) Resume(ctx context.Context, pattern string) (int, error) {
	reply, err := ask[resumeReply](ctx, c, http.MethodPost, "/v1/debug/resume", jsonBody(actorRequest{pattern}))
	return reply.Resumed, err
}

// Inspect is all that is known of the actor at a path.
func (c *Client) Inspect(ctx context.Context, path string) (ActorReport, error) {
	return ask[ActorReport](ctx, c, http.MethodPost, "/v1/debug/inspect", jsonBody(actorRequest{path}))
}

// Report is all that the node's supervision tree tells of itself, as JSON.
func (c *Client) Report(ctx context.Context) (json.RawMessage, error) {
	return ask[json.RawMessage](ctx, c, http.MethodPost, "/v1/debug/report", jsonBody(nothing{}))
}

// Schedule is a plan that kills again where somebody was killed lately.
func (c *Client) Schedule(ctx context.Context) (string, error) {
	reply, err := ask[scheduleReply](ctx, c, http.MethodPost, "/v1/debug/schedule", jsonBody(nothing{}))
	return reply.Plan, err
}

// Storm lets things go wrong and tells how it goes, about once a second. The
// channel is closed after the last word, or when the node stops; ending ctx
// ends the storm, without a last word.
func (c *Client) Storm(ctx context.Context, request StormRequest) (<-chan StormStatus, error) {
	if err := request.Check(); err != nil {
		return nil, err
	}
	answer, err := c.do(ctx, http.MethodPost, "/v1/debug/storm", jsonBody(request))
	if err != nil {
		return nil, err
	}
	return readLines[StormStatus](ctx, answer), nil
}

// Calm ends the storm that is under way, if one is; then comes its last word.
func (c *Client) Calm(ctx context.Context) error {
	_, err := ask[nothing](ctx, c, http.MethodPost, "/v1/debug/calm", jsonBody(nothing{}))
	return err
}

// NetworkChange announces a network generation; zero means the next one.
func (c *Client) NetworkChange(ctx context.Context, announced messages.NetworkGeneration) error {
	_, err := ask[nothing](ctx, c, http.MethodPost, "/v1/debug/network-change", jsonBody(networkChange{announced}))
	return err
}

// HoldRelay keeps every channel of the node on its relay while on.
func (c *Client) HoldRelay(ctx context.Context, on bool) error {
	_, err := ask[nothing](ctx, c, http.MethodPost, "/v1/debug/hold-relay", jsonBody(holdRelay{on}))
	return err
}
