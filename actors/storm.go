package actors

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/waymeet/waymeet/supervision/chaos"
)

// ErrStorming: one thing that goes wrong on purpose is enough at a time.
var ErrStorming = errors.New("a storm or a plan is under way already")

// storms is the storm or the plan that is under way in a running node.
type storms struct {
	injector chaos.Injector

	mu  sync.Mutex
	end context.CancelFunc // nil: none is
}

// begin makes room for a storm, which ends with ctx or by Calm.
func (s *storms) begin(ctx context.Context) (storm context.Context, over func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		return nil, nil, ErrStorming
	}
	storm, cancel := context.WithCancel(ctx)
	s.end = cancel
	return storm, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.end = nil
	}, nil
}

// Storm kills actors of the node in turn and returns what that did. Errors:
// ErrStorming, and those of chaos.Storm.
func (n *Node) Storm(ctx context.Context, storm chaos.Storm) (chaos.Result, error) {
	ctx, over, err := n.storms.begin(ctx)
	if err != nil {
		return chaos.Result{}, err
	}
	defer over()
	return storm.Run(ctx, n.tree())
}

// Follow lets go wrong what the plan says, for so long; Config.Debug must be
// set. Errors: ErrStorming, and those of Plan.Check.
func (n *Node) Follow(ctx context.Context, plan chaos.Plan, length time.Duration, progress func(chaos.Result)) (chaos.Result, error) {
	ctx, over, err := n.storms.begin(ctx)
	if err != nil {
		return chaos.Result{}, err
	}
	defer over()
	return n.storms.injector.Run(ctx, n.tree(), plan, length, progress)
}

// Strikes are what the plan that is followed, or was followed last, has done.
func (n *Node) Strikes() []chaos.Strike { return n.storms.injector.Strikes() }

// Calm ends the storm or the plan that is under way, if one is.
func (n *Node) Calm() {
	n.storms.mu.Lock()
	defer n.storms.mu.Unlock()
	if n.storms.end != nil {
		n.storms.end()
	}
}
