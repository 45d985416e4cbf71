package supervision_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sup "github.com/waymeet/waymeet/supervision"
)

// act is the inbox of the tests' actors: what to do.
type act func(c *sup.Context[act])

// puppet does what it is told.
type puppet struct {
	start func(c *sup.Context[act]) error
	stop  func(c *sup.Context[act])
}

func (p puppet) Start(c *sup.Context[act]) error {
	if p.start == nil {
		return nil
	}
	return p.start(c)
}

func (p puppet) Receive(c *sup.Context[act], do act) { do(c) }

func (p puppet) Stop(c *sup.Context[act]) {
	if p.stop != nil {
		p.stop(c)
	}
}

// worker is a puppet ready for a supervisor, but for its Child.
func worker(name string, p puppet) sup.WorkerSpec[act] {
	return sup.WorkerSpec[act]{Name: name, New: func() sup.Actor[act] { return p }}
}

func boom(*sup.Context[act]) { panic("boom") }

// notes are what is written down in a test, in order.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

// note is an act that writes a word down.
func (n *notes) note(word string) act { return func(*sup.Context[act]) { n.add("%s", word) } }

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, " ")
}

// expect waits until nothing moves, and compares.
func (n *notes) expect(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	if got := n.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// listener keeps the events of one type.
type listener[E sup.Event] struct {
	mu     sync.Mutex
	events []E
}

func (l *listener[E]) hear(e sup.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := e.(E); ok {
		l.events = append(l.events, e)
	}
}

func (l *listener[E]) all() []E {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

func start(t *testing.T, config sup.Config, root sup.SupervisorSpec) *sup.Tree {
	t.Helper()
	tree, err := sup.Start(config, root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func stop(t *testing.T, tree *sup.Tree) {
	t.Helper()
	if err := tree.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func do(t *testing.T, tree *sup.Tree, path string, acts ...act) {
	t.Helper()
	for _, a := range acts {
		if err := sup.Lookup[act](tree, path).Tell(a); err != nil {
			t.Errorf("tell %s: %v", path, err)
		}
	}
}

func inspect(tree *sup.Tree, path string) sup.ActorInfo {
	all := tree.Inspect()
	if i := slices.IndexFunc(all, func(a sup.ActorInfo) bool { return a.Path == path }); i >= 0 {
		return all[i]
	}
	return sup.ActorInfo{}
}

// often is an intensity that is never exceeded.
var often = sup.Intensity{Restarts: 1000, Within: 1000 * time.Hour}
