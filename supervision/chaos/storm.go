package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/waymeet/waymeet/supervision"
)

// Storm kills the actors of a running tree in turn: of those that are up, always
// the one that was killed least often.
type Storm struct {
	// Pattern says who, as of Tree.Kill; empty: everybody but the root.
	Pattern string
	// Rate is kills a second, at most MaxRate; required.
	Rate float64
	// For is how long; required.
	For time.Duration
	// Grace is how long those killed last may take to come back; zero: 5 s.
	Grace time.Duration
	// Progress is called once a second with how things stand; nil: not called.
	Progress func(Result)
}

// MinRate and MaxRate bound a Storm, in kills a second.
const (
	MinRate = 0.001
	MaxRate = 10_000
)

const defaultGrace = 5 * time.Second

// ErrNobody: no actor that is up matches the pattern, or no rule of the plan
// struck.
var ErrNobody = errors.New("chaos: nobody was hit")

// ErrEnded: the tree ended meanwhile. What wraps it wraps Tree.Err too, if there
// is one.
var ErrEnded = errors.New("chaos: the tree ended")

// Result is what a Storm did.
type Result struct {
	Kills  int
	ByPath map[string]int // how often each was killed
	// Recovered are the times from a kill to the next acknowledged start at that
	// path, Back those of each path.
	Recovered Times
	Back      map[string]Times
	// Lost are the actors that were killed, still have their place, and did not
	// come back, and when the tree has ended all that were not back. Gone are those
	// whose place has gone: temporary ones, and those whose supervisor began anew.
	// Sorted by path.
	Lost, Gone []string
}

// Times are recovery times, sorted.
type Times []time.Duration

// Percentile is the time that so many of a hundred did not exceed; zero if there
// is none.
func (t Times) Percentile(p float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	i := int(p / 100 * float64(len(t)))
	return t[min(i, len(t)-1)]
}

// Run is the storm. It returns when its time is over, or ctx is done: what was
// done until then is no error. Errors: a Rate or For that makes no sense,
// ErrNobody when at no time there was anybody to kill, and ErrEnded, with what
// was done until then.
func (s Storm) Run(ctx context.Context, tree *supervision.Tree) (Result, error) {
	if !(s.Rate >= MinRate && s.Rate <= MaxRate) || s.For <= 0 {
		return Result{}, errors.New("chaos: a storm wants a rate from 0.001 to 10000 a second, and a time")
	}
	run := newStormRun(tree, s.Pattern)
	defer tree.Listen(run.back)()
	strike := time.NewTicker(time.Duration(float64(time.Second) / s.Rate))
	defer strike.Stop()
	run.last(ctx, s.For, strike.C, s.Progress)
	result, err := run.calm(s.Grace), run.ended()
	if err == nil && result.Kills == 0 && ctx.Err() == nil {
		err = ErrNobody
	}
	return result, err
}

// stormRun is a storm at work, or the run of a plan.
type stormRun struct {
	tree    *supervision.Tree
	pattern string // of a storm

	mu        sync.Mutex
	kills     map[string]int
	down      map[string]death // killed, and not back yet
	recovered map[string][]time.Duration
}

// death is the end of a life on purpose. Later lives have greater numbers, in
// another actor at the same path too.
type death struct {
	life supervision.Incarnation
	at   time.Time
}

func newStormRun(tree *supervision.Tree, pattern string) *stormRun {
	return &stormRun{
		tree: tree, pattern: pattern,
		kills: make(map[string]int), down: make(map[string]death), recovered: make(map[string][]time.Duration),
	}
}

// last lets the run last so long, or until ctx or the tree is done: it strikes
// at every tick, and tells every second how things stand.
func (r *stormRun) last(ctx context.Context, length time.Duration, ticks <-chan time.Time, progress func(Result)) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	end := time.NewTimer(length)
	defer end.Stop()
	for {
		select {
		case <-ticks:
			r.strike()
		case <-second.C:
			if progress != nil {
				progress(r.result())
			}
		case <-end.C:
			return
		case <-ctx.Done():
			return
		case <-r.tree.Done():
			return
		}
	}
}

// back notes who is back. A start that is told of late, when its life has been
// killed already, is no return.
func (r *stormRun) back(e supervision.Event) {
	started, ok := e.(supervision.Started)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if killed, down := r.down[started.Path]; down && started.Incarnation > killed.life {
		delete(r.down, started.Path)
		r.recovered[started.Path] = append(r.recovered[started.Path], time.Since(killed.at))
	}
}

// strike kills one.
func (r *stormRun) strike() {
	var victim supervision.ActorInfo
	r.mu.Lock()
	for _, a := range r.tree.Inspect() {
		if a.Path == "/" || a.State != supervision.StateUp || r.pattern != "" && !supervision.Match(r.pattern, a.Path) {
			continue
		}
		if _, down := r.down[a.Path]; !down && (victim.Path == "" || r.kills[a.Path] < r.kills[victim.Path]) {
			victim = a
		}
	}
	if victim.Path != "" {
		r.kills[victim.Path]++
		r.down[victim.Path] = death{victim.Incarnation, time.Now()}
	}
	r.mu.Unlock() // who is killed may be back before KillLife returns
	if victim.Path != "" && !r.tree.KillLife(victim.Path, victim.Incarnation) {
		r.spared(victim.Path)
	}
}

// spared takes back a kill that met nobody: the actor's supervisor was at it.
func (r *stormRun) spared(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kills[path]--
	if _, down := r.down[path]; down {
		delete(r.down, path)
	} else if back := r.recovered[path]; len(back) > 0 {
		r.recovered[path] = back[:len(back)-1]
	}
}

// ended is nil as long as the tree lives.
func (r *stormRun) ended() error {
	select {
	case <-r.tree.Done():
	default:
		return nil
	}
	if cause := r.tree.Err(); cause != nil {
		return fmt.Errorf("%w: %w", ErrEnded, cause)
	}
	return ErrEnded
}

// calm waits until all are back that are to come, or grace is over, and returns
// how things stand then. All are back when everybody was found up and nobody lost
// twice in a row: an actor that is up has put those in their places whom it is to
// put there, and the second look finds them.
func (r *stormRun) calm(grace time.Duration) Result {
	if grace <= 0 {
		grace = defaultGrace
	}
	quiet := 0
	for end := time.Now().Add(grace); ; time.Sleep(time.Millisecond) {
		over := r.ended() != nil || time.Now().After(end)
		result, up := r.look()
		if quiet++; !up || len(result.Lost) != 0 {
			quiet = 0
		}
		if over || quiet == 2 {
			return result
		}
	}
}

// result is how things stand.
func (r *stormRun) result() Result {
	result, _ := r.look()
	return result
}

// look finds out how things stand, and whether everybody is up: the root too,
// for a tree whose root gives up is about to end.
func (r *stormRun) look() (result Result, up bool) {
	ended := r.ended() != nil
	places := make(map[string]bool)
	up = true
	for _, a := range r.tree.Inspect() {
		places[a.Path] = true
		up = up && (a.State == supervision.StateUp || a.State == supervision.StateQuarantined)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	result = Result{ByPath: make(map[string]int, len(r.kills)), Back: make(map[string]Times, len(r.recovered))}
	for path, times := range r.recovered {
		result.Back[path] = slices.Sorted(slices.Values(times))
		result.Recovered = append(result.Recovered, times...)
	}
	slices.Sort(result.Recovered)
	for path, n := range r.kills {
		if n > 0 {
			result.Kills += n
			result.ByPath[path] = n
		}
	}
	for path := range r.down {
		if ended || places[path] {
			result.Lost = append(result.Lost, path)
		} else {
			result.Gone = append(result.Gone, path)
		}
	}
	slices.Sort(result.Lost)
	slices.Sort(result.Gone)
	return result, up
}
