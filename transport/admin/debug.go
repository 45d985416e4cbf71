package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Debugger is a running node as a test may hurt it. A pattern is a glob over
// paths; what it counts are the actors that matched. None is a Problem that says
// why.
type Debugger interface {
	// Kill makes every actor whose path matches panic.
	Kill(ctx context.Context, pattern string) (int, error)
	// Suspend lets every actor whose path matches wait until Resume.
	Suspend(ctx context.Context, pattern string) (int, error)
	// Resume ends what Suspend began.
	Resume(ctx context.Context, pattern string) (int, error)
	// Inspect is all that is known of the actor at a path.
	Inspect(ctx context.Context, path string) (ActorReport, error)
	// Report is all that the supervision tree tells of itself, as JSON.
	Report(ctx context.Context) (json.RawMessage, error)
	// Schedule is a plan that kills again where the last crash reports say that
	// somebody was killed.
	Schedule(ctx context.Context) (string, error)
	// Storm lets things go wrong until its time is over, ctx ends, or Calm. It
	// calls told about once a second, and with the last word.
	Storm(ctx context.Context, request StormRequest, told func(StormStatus)) error
	// Calm ends the storm that is under way, if one is.
	Calm(ctx context.Context) error
	// NetworkChange announces a generation of the node's network; zero means
	// the next one. One that is not newer changes nothing (SPEC 1.4).
	NetworkChange(ctx context.Context, announced messages.NetworkGeneration) error
	// HoldRelay keeps every channel on its relay while on.
	HoldRelay(ctx context.Context, on bool) error
}

// ActorReport is one actor, what it did last, and how it crashed.
type ActorReport struct {
	messages.ActorStatus
	// Tasks are the names of its tasks that run.
	Tasks []string `json:"tasks,omitempty"`
	// Last is what it did last, oldest first.
	Last []ActorStep `json:"last"`
	// Crashes are those of its crashes that the tree still remembers, oldest
	// first.
	Crashes []ActorCrash `json:"crashes"`
}

// ActorStep is one thing that an actor did.
type ActorStep struct {
	// Seq counts the actor's steps through all its lives.
	Seq uint64 `json:"seq"`
	// Phase is where it stood, Message the type of what was at hand.
	Phase   string `json:"phase"`
	Message string `json:"message,omitempty"`
}

// ActorCrash is how a life ended. No message is in it, only types of messages.
type ActorCrash struct {
	Incarnation uint64    `json:"incarnation"`
	At          time.Time `json:"at"`
	// Seq, Phase and Message are the step at which it happened; Seq is zero if
	// the actor was idle.
	ActorStep
	// Reason is the text of the panic.
	Reason string      `json:"reason"`
	Killed bool        `json:"killed,omitempty"`
	Last   []ActorStep `json:"last"`
	Stack  string      `json:"stack,omitempty"`
}

const (
	// minStormRate and maxStormRate bound the kills a second that may be asked
	// for.
	minStormRate = 0.001
	maxStormRate = 1000
	// maxStormTime is how long a storm may last.
	maxStormTime = time.Hour
)

// StormRequest says what is to go wrong: kills in turn at a rate, or a plan.
type StormRequest struct {
	// Actors says who is killed, as a glob over paths; empty: everybody but the
	// root.
	Actors string `json:"actors,omitempty"`
	// Rate is kills a second. It must be zero with a plan.
	Rate float64 `json:"rate,omitzero"`
	// For is how long.
	For time.Duration `json:"for_ns"`
	// Plan is the text of a plan; package supervision/chaos says what is in one.
	Plan string `json:"plan,omitempty"`
}

// Check refuses what would make no sense. Errors: a Problem.
func (r StormRequest) Check() error {
	problem := messages.Problem{Code: messages.ExitUsage, What: "no chaos"}
	switch {
	case r.For <= 0 || r.For > maxStormTime:
		problem.Whose = fmt.Sprintf("it is to last %v; above 0 and at most %v are possible", r.For, maxStormTime)
		problem.Hint = "--for 60s"
	case r.Plan != "" && (r.Rate != 0 || r.Actors != ""):
		problem.Whose, problem.Hint = "a plan says itself whom it hits and how often", "--plan without --rate and --actors"
	case r.Plan == "" && !(r.Rate >= minStormRate && r.Rate <= maxStormRate):
		problem.Whose = fmt.Sprintf("%g kills a second are asked for; from %g to %d are possible", r.Rate, minStormRate, maxStormRate)
		problem.Hint = "--rate 100"
	default:
		return nil
	}
	return problem
}

// StormStatus is what a storm has done so far.
type StormStatus struct {
	// Over: this is the last word.
	Over bool `json:"over,omitempty"`
	// Problem, in the last word, is why the storm could not be what it was to be:
	// the node ended meanwhile, or no rule of a plan struck. nil: nothing was in its way.
	Problem *messages.Problem `json:"problem,omitempty"`

	Millis int64 `json:"t_ms"`
	Kills  int   `json:"kills"`
	// ByPath is the same for each actor.
	ByPath map[string]StormActor `json:"by_path"`
	// P50Millis and P99Millis are the times from a kill to the next start of the
	// actor, of which half and 99 of 100 are not longer.
	P50Millis float64 `json:"p50_ms"`
	P99Millis float64 `json:"p99_ms"`
	// Lost are who was killed, has a place, and is not back; Gone are those whose
	// place has gone, because they were temporary or their supervisor began anew.
	Lost []string `json:"lost"`
	Gone []string `json:"gone"`
	// Strikes counts what a plan did, by its action.
	Strikes map[string]int `json:"strikes,omitempty"`
}

// StormActor is what a storm did to one actor.
type StormActor struct {
	Kills     int     `json:"kills"`
	P50Millis float64 `json:"p50_ms"`
	P99Millis float64 `json:"p99_ms"`
}
