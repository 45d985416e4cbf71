package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/waymeet/waymeet/supervision"
)

// Run follows a plan in a running tree for a time, or until ctx is done, and
// measures as a Storm does; progress is called once a second, nil: not called.
// Then the Injector does nothing again, and Strikes tells what it did. It must
// be the Chaos of that tree. Errors: those of Plan.Check, ErrNoRule, ErrNobody
// when no rule struck, and ErrEnded, with what was done until then.
func (i *Injector) Run(ctx context.Context, tree *supervision.Tree, plan Plan, length time.Duration, progress func(Result)) (Result, error) {
	if len(plan.Rules) == 0 {
		return Result{}, ErrNoRule
	}
	run := newStormRun(tree, "")
	defer tree.Listen(run.follow)()
	if err := i.Follow(plan); err != nil {
		return Result{}, err
	}
	run.last(ctx, length, nil, progress)
	i.rest()
	result, err := run.calm(0), run.ended()
	if err == nil && ctx.Err() == nil && len(i.Strikes()) == 0 {
		err = fmt.Errorf("%w: no rule struck", ErrNobody)
	}
	return result, err
}

// rest ends the plan and keeps what is known of it.
func (i *Injector) rest() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rules = nil
}

// follow notes who was killed, by whomever, and who is back.
func (r *stormRun) follow(e supervision.Event) {
	crashed, ok := e.(supervision.Crashed)
	if !ok || !crashed.Crash.Killed {
		r.back(e)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kills[crashed.Crash.Path]++
	r.down[crashed.Crash.Path] = death{crashed.Crash.Incarnation, time.Now()}
}
