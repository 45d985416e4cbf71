package supervision

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Config is what a tree needs from its host. The zero value is complete.
type Config struct {
	// Logger gets a line for every event; nil: silence.
	Logger *slog.Logger
	// Events is called for every event. It must not block, nor call
	// runtime.Goexit; a panic in it is ignored. It runs where the event happens:
	// in goroutines of the tree, and for Overloaded in whoever told the message,
	// so it must not wait for a lock that is held around Tell. nil: not called.
	Events func(Event)
	// BlockedAfter is how long an actor may be at one message before it is
	// reported as Blocked; zero: 10 s, negative: never.
	BlockedAfter time.Duration
	// Seed is where the jitter of restart delays comes from.
	Seed uint64
	// Chaos is what goes wrong on purpose; nil in production.
	Chaos Chaos
	// Runtime is where time and goroutines come from; nil: the system's.
	Runtime Runtime
}

// Tree is a running supervision tree.
type Tree struct {
	config  Config
	props   *actor.Props
	life    Incarnation   // of the root, which has but one
	numbers atomic.Uint64 // lives begun
	kinds   kinds
	// listeners is replaced under mu, never changed.
	listeners atomic.Pointer[[]*listener]

	up   chan struct{} // closed when the root has acknowledged
	done chan struct{} // closed when no cell is left

	mu       sync.RWMutex
	root     *cell // nil once it has ended
	newest   *cell // the one being made
	watchdog watchdog
	monitors map[string][]watcher
	serial   uint64 // numbers monitors
	crashes  queue[*Crash]
	totals   Totals
	waitFor  int      // cells that have not settled
	exit     *Exit    // of the root; nil while it lives
	stuckAt  []string // who was abandoned
}

// theSystem is protoactor's actor system. One costs 2.5 MiB and cannot be shut
// down completely, but leaves nothing running while no message goes astray; so
// all trees of the process share it, each with names of its own.
var theSystem = sync.OnceValue(func() *actor.ActorSystem {
	silent := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	return actor.NewActorSystem(actor.WithLoggerFactory(silent))
})

// Start runs a tree, and returns when every static child has acknowledged. When
// one cannot start, those before it are stopped in reverse order and the error
// says which one and why (an *Exit chain).
func Start(config Config, root SupervisorSpec) (*Tree, error) {
	t, err := Launch(config, root)
	if err != nil {
		return nil, err
	}
	select {
	case <-t.up:
		return t, nil
	case <-t.done:
		return nil, fmt.Errorf("supervision: %w", t.exit)
	}
}

// Launch is Start without the wait: Up is closed when every static child has
// acknowledged, Done when one could not start. The error is of the
// specification alone. On a Runtime of one thread nobody could wait.
func Launch(config Config, root SupervisorSpec) (*Tree, error) {
	if root.Name != "" {
		return nil, fmt.Errorf("supervision: the root has no name, got %q", root.Name)
	}
	if err := root.check("/"); err != nil {
		return nil, err
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.BlockedAfter == 0 {
		config.BlockedAfter = defaultBlocked
	}
	if config.Runtime == nil {
		config.Runtime = systemRuntime{}
	}
	t := &Tree{
		config:   config,
		up:       make(chan struct{}),
		done:     make(chan struct{}),
		monitors: make(map[string][]watcher),
	}
	t.life = t.nextLife()
	t.props = t.newProps()
	t.listeners.Store(new([]*listener))
	top := root.Child()
	t.mu.Lock()
	t.root = t.newCell(nil, "/", &top)
	begin := t.root.box.post
	t.mu.Unlock()
	if config.BlockedAfter > 0 {
		t.watchdog = watchdog{tree: t, after: config.BlockedAfter}
		t.watchdog.watch()
	}
	begin(beginLife{t.life})
	return t, nil
}

// StopError tells that actors did not end in time.
type StopError struct {
	Stuck []string // paths, with the tasks that still run; sorted
	Cause error    // of the context, when Stop itself ran out of time; else nil
}

// Error names who is stuck.
func (e *StopError) Error() string {
	text := "supervision: did not stop: " + strings.Join(e.Stuck, ", ")
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the context's error.
func (e *StopError) Unwrap() error { return e.Cause }

// Stop ends the tree in reverse order of start and waits for it, at most for
// the deadlines of the children together, or until ctx is done (the tree then
// goes on stopping). Actors that had to be abandoned, now or earlier, are named
// in a *StopError. Stopping again is safe and returns the same. An actor of the
// tree must not call it.
func (t *Tree) Stop(ctx context.Context) error {
	t.Shutdown()
	var cause error
	select {
	case <-t.done:
	case <-ctx.Done():
		cause = ctx.Err()
	}
	t.mu.RLock()
	stuck := slices.Clone(t.stuckAt)
	t.mu.RUnlock()
	if cause != nil {
		for _, c := range t.snapshot() {
			if c.child.spec == nil && c.current() != 0 {
				stuck = append(stuck, c.path)
			}
		}
	}
	if len(stuck) == 0 && cause == nil {
		return nil
	}
	slices.Sort(stuck)
	return &StopError{Stuck: slices.Compact(stuck), Cause: cause}
}

// Shutdown begins the end of the tree and does not wait for it; see Stop and
// Done.
func (t *Tree) Shutdown() {
	if root, err := t.find("/"); err == nil {
		root.box.post(endLife{t.life})
	}
}

// Up is closed when every static child has acknowledged its first start.
func (t *Tree) Up() <-chan struct{} { return t.up }

// Done is closed when the tree has ended: after Stop, or because the root gave
// up.
func (t *Tree) Done() <-chan struct{} { return t.done }

// Err is nil until Done and after a Stop; else the *Exit of the root, whose
// chain of causes leads to the first crash.
func (t *Tree) Err() error {
	select {
	case <-t.done:
	default:
		return nil
	}
	if t.exit.Reason.Failure() {
		return t.exit
	}
	return nil
}

// Spawn starts a child under the Dynamic supervisor at that path. It returns at
// once, without waiting for the start: from then on messages may be told to the
// child, and a start that fails is like a crash. Errors: ErrExists while the
// name lives (it is free when a monitor has heard the last word), ErrNotDynamic,
// ErrNoActor, or ErrStopped when the supervisor is not up. Any goroutine may
// call it, actors of the tree too.
func (t *Tree) Spawn(supervisor string, child Child) error {
	if err := child.check(supervisor); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.at(supervisor)
	switch {
	case s == nil && t.exit != nil:
		return ErrStopped
	case s == nil:
		return fmt.Errorf("%w: %s", ErrNoActor, supervisor)
	case s.child.spec == nil || s.child.spec.Strategy != Dynamic:
		return fmt.Errorf("%w: %s", ErrNotDynamic, supervisor)
	case s.children[child.name] != nil:
		return fmt.Errorf("%w: %s", ErrExists, join(supervisor, child.name))
	}
	if state := State(s.state.Load()); state != StateUp && state != StateStarting {
		return fmt.Errorf("%w: %s is %v", ErrStopped, supervisor, state)
	}
	t.newCell(s, join(supervisor, child.name), &child)
	s.box.post(hire{&child})
	return nil
}

// StopChild stops the child of a Dynamic supervisor cleanly and removes it. It
// does not wait; a monitor hears of the end. Errors: ErrNoActor, ErrStopped,
// ErrNotDynamic.
func (t *Tree) StopChild(path string) error {
	c, err := t.find(path)
	if err != nil {
		return err
	}
	s := c.parent
	if s == nil || s.child.spec.Strategy != Dynamic {
		return fmt.Errorf("%w: above %s", ErrNotDynamic, path)
	}
	s.box.post(dismiss{c.child.name})
	return nil
}

// now is the time of the tree's clock.
func (t *Tree) now() time.Time { return t.config.Runtime.Now() }

// nextLife numbers a life.
func (t *Tree) nextLife() Incarnation { return Incarnation(t.numbers.Add(1)) }

// ended is the end of the root.
func (t *Tree) ended(exit *Exit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.exit = exit
	t.watchdog.rest()
	t.remove(t.root, exit)
}

// heard reports whether anybody wants events: the two that end no life badly are
// not even made for nobody.
func (t *Tree) heard() bool {
	return t.config.Events != nil || len(*t.listeners.Load()) > 0 || t.config.Logger.Handler() != slog.DiscardHandler
}

// report sends an event out.
func (t *Tree) report(e Event) {
	switch e.(type) {
	case Crashed, Quarantined, Escalated, Stuck:
		t.remember(e)
	}
	if t.config.Logger.Handler() != slog.DiscardHandler {
		hook(func() {
			level, text, attrs := e.log()
			t.config.Logger.LogAttrs(context.Background(), level, text, attrs...)
		})
	}
	if t.config.Events != nil {
		hook(func() { t.config.Events(e) })
	}
	for _, l := range *t.listeners.Load() {
		hook(func() { l.hear(e) })
	}
}

// hook runs code of the host, which must not hurt the tree nor other hooks.
func hook(run func()) {
	defer func() { _ = recover() }()
	run()
}
