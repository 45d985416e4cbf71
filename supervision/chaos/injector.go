package chaos

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/waymeet/waymeet/supervision"
)

// Injector is a supervision.Chaos that follows a plan. The zero Injector does
// nothing until Follow. It is safe for concurrent use; what it does is the same
// for the same seed as long as it is asked in the same order.
type Injector struct {
	mu      sync.Mutex
	rng     *rand.Rand
	rules   []rule
	strikes []Strike
}

// rule is a Rule at work.
type rule struct {
	Rule
	fits, struck uint64
}

// Strike is something that an Injector did.
type Strike struct {
	Do      Action
	Path    string
	Phase   supervision.Phase // of a Kill; else Anywhere
	Message string            // type of what was at hand
	Step    uint64            // of a Kill: the actor's own; else which message told to it
}

// keptStrikes bounds what an Injector remembers.
const keptStrikes = 1 << 16

// Follow begins a plan, in place of the one before. The empty plan does nothing.
// The error is that of Plan.Check: then nothing has changed.
func (i *Injector) Follow(p Plan) error {
	if err := p.Check(); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rng = rand.New(rand.NewPCG(p.Seed, 0x6368616f73))
	i.rules, i.strikes = nil, nil
	for _, r := range p.Rules {
		i.rules = append(i.rules, rule{Rule: r})
	}
	return nil
}

// Strikes are what was done since Follow, in order, the first 65 536 of them.
func (i *Injector) Strikes() []Strike {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]Strike(nil), i.strikes...)
}

// Kills is a plan that kills where this run did, step by step.
func (i *Injector) Kills() Plan {
	var plan Plan
	for _, s := range i.Strikes() {
		if s.Do == Kill {
			plan.Rules = append(plan.Rules, Rule{
				Do: Kill, Path: s.Path, Phase: s.Phase, Class: AnyClass, Message: s.Message, Step: s.Step,
			})
		}
	}
	return plan
}

// strike counts a place that may fit the rule, and decides whether it strikes
// there; i is locked.
func (i *Injector) strike(r *rule, s Strike) bool {
	if r.Path != "" && !supervision.Match(r.Path, s.Path) || r.Message != "" && !supervision.Match(r.Message, s.Message) {
		return false
	}
	r.fits++
	switch {
	case r.Most != 0 && r.struck >= r.Most,
		r.Nth != 0 && r.fits != r.Nth,
		r.Every != 0 && r.fits%r.Every != 0,
		r.Chance != 0 && i.rng.Float64() >= r.Chance:
		return false
	}
	r.struck++
	if len(i.strikes) < keptStrikes {
		i.strikes = append(i.strikes, s)
	}
	return true
}

// At implements supervision.Chaos.
func (i *Injector) At(p supervision.Point) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.rules {
		r := &i.rules[n]
		if r.Do != Kill || r.Phase != Anywhere && r.Phase != p.Phase || r.Step != 0 && r.Step != p.Seq {
			continue
		}
		if i.strike(r, Strike{Kill, p.Path, p.Phase, p.Message, p.Seq}) {
			return true
		}
	}
	return false
}

// upTo draws a time; i is locked.
func (i *Injector) upTo(most time.Duration) time.Duration {
	return time.Duration(1 + i.rng.Int64N(int64(most)))
}

// Told implements supervision.Chaos.
func (i *Injector) Told(d supervision.Delivery) supervision.Fate {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.rules {
		r := &i.rules[n]
		if r.Do == Kill || r.Class != AnyClass && r.Class != d.Class {
			continue
		}
		if !i.strike(r, Strike{r.Do, d.Path, Anywhere, d.Message, d.Seq}) {
			continue
		}
		switch r.Do {
		case Drop:
			return supervision.Fate{Drop: true}
		case Again:
			return supervision.Fate{Again: 1}
		case Delay:
			return supervision.Fate{Delay: i.upTo(r.By)}
		case Suspend:
			return supervision.Fate{Suspend: i.upTo(r.By)}
		}
	}
	return supervision.Fate{}
}
