package admin

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// patientNode is a node whose changes take until their time is over, and then tell
// what became of them.
type patientNode struct {
	fakeNode
	begun chan struct{}
}

// errWithdrawn is what it tells.
var errWithdrawn = messages.Problem{Code: messages.ExitWaiting, What: "not appended", Whose: "it was not begun in time"}

func (p *patientNode) wait(ctx context.Context) error {
	close(p.begun)
	<-ctx.Done()
	return errWithdrawn
}

// Append implements Backend.
func (p *patientNode) Append(ctx context.Context, _ AppendRequest, _ []byte) (AppendResult, error) {
	return AppendResult{}, p.wait(ctx)
}

// Remove implements Backend.
func (p *patientNode) Remove(ctx context.Context, _ MemberRequest) (ContextChange, error) {
	return ContextChange{}, p.wait(ctx)
}

// Rotate implements Backend.
func (p *patientNode) Rotate(ctx context.Context, _ MemberRequest) (ContextChange, error) {
	return ContextChange{}, p.wait(ctx)
}

// changes are all that a client asks for that must not be done twice.
var changes = map[string]func(context.Context, *Client) error{
	"append": func(ctx context.Context, c *Client) error {
		_, err := c.Append(ctx, AppendRequest{Type: messages.FactApplication}, nil)
		return err
	},
	"remove": func(ctx context.Context, c *Client) error { _, err := c.Remove(ctx, MemberRequest{}); return err },
	"rotate": func(ctx context.Context, c *Client) error { _, err := c.Rotate(ctx, MemberRequest{}); return err },
}

// Whether a change was done in time, the node says and nobody else.
func TestNodeSaysWhatBecameOfAChange(t *testing.T) {
	for name, ask := range changes {
		t.Run(name, func(t *testing.T) {
			client := serveFake(t, &patientNode{begun: make(chan struct{})}, false)
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			if err := ask(ctx, client); !errors.Is(err, errWithdrawn) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Who leaves before that is not told that nothing was done.
func TestChangeThatIsLeftMayBeDone(t *testing.T) {
	for name, ask := range changes {
		for _, timeout := range []time.Duration{0, time.Hour} {
			t.Run(name+" "+timeout.String(), func(t *testing.T) {
				node := &patientNode{begun: make(chan struct{})}
				client := serveFake(t, node, false)
				ctx, cancel := context.WithCancel(context.Background())
				if timeout > 0 {
					ctx, cancel = context.WithTimeout(ctx, timeout)
				}
				defer cancel()
				go func() { <-node.begun; cancel() }()
				var problem messages.Problem
				err := ask(ctx, client)
				if !errors.As(err, &problem) || !strings.Contains(problem.Whose, "may be done all the same") || !strings.HasPrefix(problem.Hint, "look whether") {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// Where no node runs, nothing was asked for.
func TestChangeWithoutANode(t *testing.T) {
	dir := shortDir(t)
	server, err := ServeNode(Config{StateDir: dir}, &fakeNode{})
	if err != nil {
		t.Fatal(err)
	}
	client := connect(t, dir)
	stop(t, server)
	for name, ask := range changes {
		var problem messages.Problem
		if err := ask(context.Background(), client); !errors.As(err, &problem) || problem.Code != messages.ExitNoNode || strings.Contains(problem.Whose, "may be done") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
