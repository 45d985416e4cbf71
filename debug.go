package waymeet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/chaos"
	"github.com/waymeet/waymeet/transport/admin"
)

// Kill implements admin.Debugger.
func (b backend) Kill(_ context.Context, pattern string) (int, error) {
	killed := b.n.node.Kill(pattern)
	return killed, b.n.hit(killed, "killed", pattern)
}

// Suspend implements admin.Debugger.
func (b backend) Suspend(_ context.Context, pattern string) (int, error) {
	suspended := b.n.node.Tree().Suspend(pattern)
	return suspended, b.n.hit(suspended, "suspended", pattern)
}

// Resume implements admin.Debugger.
func (b backend) Resume(_ context.Context, pattern string) (int, error) {
	resumed := 0 // those that were suspended, not all that the pattern means
	for _, actor := range b.n.node.Tree().Inspect() {
		if actor.Suspended && supervision.Match(pattern, actor.Path) {
			resumed++
		}
	}
	b.n.node.Tree().Resume(pattern)
	return resumed, b.n.hit(resumed, "resumed", pattern)
}

// hit is nil if so many actors, and not none, met with what was to be done to
// those that the pattern means.
func (n *Node) hit(count int, done, pattern string) error {
	if count > 0 {
		return nil
	}
	return messages.Problem{Code: messages.ExitFailed, What: "nothing was " + done, Whose: n.spared(done, pattern), Hint: "waymeet actors"}
}

// spared is why nothing was done to anybody.
func (n *Node) spared(done, pattern string) string {
	if pattern == "" {
		return "an empty pattern means nobody"
	}
	for _, actor := range n.node.Tree().Inspect() {
		switch {
		case !supervision.Match(pattern, actor.Path):
		case done == "resumed" && !actor.Supervisor:
			return actor.Path + " was not suspended"
		case done != "killed":
			return "supervisors are not " + done + ", but what is below them: " + strings.TrimSuffix(actor.Path, "/") + "/*"
		case actor.Path == "/":
			return "the root is never killed"
		default:
			return fmt.Sprintf("%s is %v: there is no life to end", actor.Path, actor.State)
		}
	}
	return "no actor's path matches " + pattern
}

// NetworkChange implements admin.Debugger.
func (b backend) NetworkChange(ctx context.Context, announced messages.NetworkGeneration) error {
	ctx, cancel := context.WithTimeout(ctx, networkPatience)
	defer cancel()
	events := b.n.Events(ctx)
	now := b.n.Status().NetworkGeneration
	b.n.node.AnnounceNetwork(announced)
	if announced != 0 && !announced.After(now) {
		return nil // an old one changes nothing
	}
	for event := range events {
		if event.Kind == EventNetworkChanged && event.NetworkGeneration.After(now) {
			return nil
		}
	}
	return messages.Problem{
		Code: messages.ExitWaiting, What: "the network generation does not change", Whose: "the network actor did not say so within " + networkPatience.String(),
		Hint: "waymeet actors",
	}
}

// networkPatience bounds how long an announced change may take.
const networkPatience = 10 * time.Second

// HoldRelay implements admin.Debugger.
func (b backend) HoldRelay(_ context.Context, on bool) error {
	b.n.node.HoldRelay(on)
	return nil
}

// Report implements admin.Debugger.
func (b backend) Report(context.Context) (json.RawMessage, error) {
	return json.Marshal(b.n.node.Tree().Report())
}

// Schedule implements admin.Debugger.
func (b backend) Schedule(context.Context) (string, error) {
	return chaos.Replay(b.n.node.Tree().Report().Crashes).String(), nil
}

// Inspect implements admin.Debugger. A pattern that one actor alone matches
// will do for its path.
func (b backend) Inspect(_ context.Context, pattern string) (admin.ActorReport, error) {
	var found []messages.ActorStatus
	for _, actor := range b.n.node.Actors() {
		if supervision.Match(pattern, actor.Path) {
			found = append(found, actor)
		}
	}
	problem := messages.Problem{Code: messages.ExitFailed, What: "nobody to inspect", Hint: "waymeet actors"}
	switch {
	case len(found) == 0:
		problem.Whose = "no actor's path matches " + pattern
		return admin.ActorReport{}, problem
	case len(found) > 1:
		problem.What, problem.Whose = "one actor at a time", fmt.Sprintf("the paths of %d actors match %s", len(found), pattern)
		return admin.ActorReport{}, problem
	}
	return b.n.inspect(found[0])
}

// inspect completes what is known of an actor.
func (n *Node) inspect(actor messages.ActorStatus) (admin.ActorReport, error) {
	tree := n.node.Tree()
	last, err := tree.Record(actor.Path)
	if err != nil {
		return admin.ActorReport{}, messages.Problem{Code: messages.ExitFailed, What: "nobody to inspect", Whose: actor.Path + " has gone meanwhile", Hint: "again"}
	}
	report := admin.ActorReport{ActorStatus: actor, Last: actorSteps(last), Crashes: []admin.ActorCrash{}}
	whole := tree.Report()
	for _, info := range whole.Actors {
		if info.Path == actor.Path {
			report.Tasks = info.Tasks
		}
	}
	for _, c := range whole.Crashes {
		if c.Path == actor.Path {
			report.Crashes = append(report.Crashes, admin.ActorCrash{
				Incarnation: uint64(c.Incarnation), At: c.At,
				ActorStep: admin.ActorStep{Seq: c.Step, Phase: c.Phase.String(), Message: c.Message},
				Reason:    c.Text, Killed: c.Killed, Last: actorSteps(c.Last.List()), Stack: c.Stack.String(),
			})
		}
	}
	return report, nil
}

func actorSteps(steps []supervision.Step) []admin.ActorStep {
	all := make([]admin.ActorStep, 0, len(steps))
	for _, s := range steps {
		all = append(all, admin.ActorStep{Seq: s.Seq, Phase: s.Phase.String(), Message: s.Message})
	}
	return all
}

// Calm implements admin.Debugger.
func (b backend) Calm(context.Context) error {
	b.n.node.Calm()
	return nil
}

// Storm implements admin.Debugger.
func (b backend) Storm(ctx context.Context, request admin.StormRequest, told func(admin.StormStatus)) error {
	began := time.Now()
	tell := func(result chaos.Result, over bool, problem *messages.Problem) {
		status := stormStatus(result, time.Since(began))
		status.Over, status.Problem = over, problem
		if request.Plan != "" {
			status.Strikes = strikes(b.n.node.Strikes())
		}
		told(status)
	}
	progress := func(result chaos.Result) { tell(result, false, nil) }
	result, err := b.storm(ctx, request, progress)
	switch {
	case errors.Is(err, actors.ErrStorming):
		return messages.Problem{Code: messages.ExitFailed, What: "no chaos", Whose: err.Error(), Hint: "again when it is over"}
	case errors.Is(err, chaos.ErrNobody):
		tell(result, true, b.n.nobodyHit(request))
	case err != nil && !errors.Is(err, chaos.ErrEnded):
		return err
	default:
		tell(result, true, endedProblem(ctx, err))
	}
	return nil
}

// endedProblem is nil if the node lives on after a storm that ended so. ctx is
// that of the request, which ends when the node is being stopped.
func endedProblem(ctx context.Context, err error) *messages.Problem {
	problem := messages.Problem{Code: messages.ExitFailed, What: "the node ended during the storm", Hint: "waymeet up --unsafe-debug --unsafe-intensity N"}
	var exit *supervision.Exit
	switch {
	case errors.As(err, &exit):
		problem.Whose = "it gave up: " + exit.Error()
	case err != nil || ctx.Err() != nil:
		problem.Whose, problem.Hint = "it was stopped", "waymeet up --unsafe-debug"
	default:
		return nil
	}
	return &problem
}

func (b backend) storm(ctx context.Context, request admin.StormRequest, progress func(chaos.Result)) (chaos.Result, error) {
	if request.Plan != "" {
		plan, err := chaos.Parse(request.Plan)
		if err == nil && len(plan.Rules) == 0 {
			err = chaos.ErrNoRule
		}
		if err != nil {
			return chaos.Result{}, messages.Problem{Code: messages.ExitUsage, What: "the plan is not understood", Whose: err.Error(), Hint: "docs/operating.md says what is in a plan"}
		}
		return b.n.node.Follow(ctx, plan, request.For, progress)
	}
	if !b.n.hasActor(request.Actors) {
		return chaos.Result{}, b.n.nobodyToKill(request.Actors)
	}
	return b.n.node.Storm(ctx, chaos.Storm{Pattern: request.Actors, Rate: request.Rate, For: request.For, Progress: progress})
}

// hasActor reports whether the pattern means anybody at this moment; the empty
// one means everybody.
func (n *Node) hasActor(pattern string) bool {
	for _, actor := range n.node.Tree().Inspect() {
		if pattern == "" || actor.Path != "/" && supervision.Match(pattern, actor.Path) {
			return true
		}
	}
	return false
}

// nobodyHit is what is wrong with a storm that had nobody to kill in all its
// time, or with a plan that did nothing.
func (n *Node) nobodyHit(request admin.StormRequest) *messages.Problem {
	if request.Plan == "" {
		return new(n.nobodyToKill(request.Actors))
	}
	return &messages.Problem{
		Code: messages.ExitFailed, What: "nobody was hit",
		Whose: fmt.Sprintf("no rule of the plan struck within %v", request.For),
		Hint:  "a longer --for; waymeet actors has the paths, debug inspect ACTOR the types of messages",
	}
}

func (n *Node) nobodyToKill(pattern string) messages.Problem {
	return messages.Problem{Code: messages.ExitFailed, What: "nobody to kill", Whose: n.spared("killed", pattern), Hint: "waymeet actors"}
}

func stormStatus(r chaos.Result, since time.Duration) admin.StormStatus {
	status := admin.StormStatus{
		Millis: since.Milliseconds(), Kills: r.Kills, ByPath: make(map[string]admin.StormActor, len(r.ByPath)),
		P50Millis: millis(r.Recovered.Percentile(50)), P99Millis: millis(r.Recovered.Percentile(99)),
		Lost: append([]string{}, r.Lost...), Gone: append([]string{}, r.Gone...),
	}
	for path, kills := range r.ByPath {
		back := r.Back[path]
		status.ByPath[path] = admin.StormActor{Kills: kills, P50Millis: millis(back.Percentile(50)), P99Millis: millis(back.Percentile(99))}
	}
	return status
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// strikes counts by action.
func strikes(all []chaos.Strike) map[string]int {
	counts := make(map[string]int)
	for _, s := range all {
		counts[s.Do.String()]++
	}
	return counts
}
