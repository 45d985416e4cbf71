package supervision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// diary is what the actors of a test write down, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// take waits until nothing moves, and returns and clears what was written.
func (d *diary) take() string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	text := strings.Join(d.lines, ", ")
	d.lines = nil
	return text
}

func (d *diary) expect(t *testing.T, what, want string) {
	t.Helper()
	if got := d.take(); got != want {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// script is the inbox of the tests' actors: a word of what to do.
type script string

// player is an actor that writes down what it goes through, and does what it is
// told: "boom", "end", "block", or a note.
type player struct {
	name    string
	diary   *diary
	onStart func(c *Context[script]) error
	onStop  func(c *Context[script])
	gate    chan struct{} // what "block" waits for
}

func (p *player) Start(c *Context[script]) error {
	p.diary.add("+%s", p.name)
	if p.onStart != nil {
		return p.onStart(c)
	}
	return nil
}

func (p *player) Receive(c *Context[script], m script) {
	switch m {
	case "boom":
		panic("boom")
	case "end":
		c.StopSelf()
	case "block":
		<-p.gate
	}
	p.diary.add("%s:%s", p.name, m)
}

func (p *player) Stop(c *Context[script]) {
	p.diary.add("-%s", p.name)
	if p.onStop != nil {
		p.onStop(c)
	}
}

// play specifies a player.
func (d *diary) play(name string) WorkerSpec[script] {
	return WorkerSpec[script]{Name: name, New: func() Actor[script] { return &player{name: name, diary: d} }}
}

// plays are permanent players, ready for a supervisor.
func (d *diary) plays(names string) []Child {
	var all []Child
	for _, n := range strings.Fields(names) {
		all = append(all, d.play(n).Child())
	}
	return all
}

// events collects what a tree reports.
type events struct {
	mu  sync.Mutex
	all []Event
}

func (e *events) add(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

// of returns the events of one type.
func of[E Event](e *events) []E {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []E
	for _, ev := range e.all {
		if ev, ok := ev.(E); ok {
			out = append(out, ev)
		}
	}
	return out
}

func mustStart(t *testing.T, config Config, root SupervisorSpec) *Tree {
	t.Helper()
	tree, err := Start(config, root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func mustStop(t *testing.T, tree *Tree) {
	t.Helper()
	if err := tree.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}

func tell(t *testing.T, tree *Tree, path string, words ...script) {
	t.Helper()
	for _, w := range words {
		if err := Lookup[script](tree, path).Tell(w); err != nil {
			t.Errorf("tell %q to %s: %v", w, path, err)
		}
	}
}

// rest lets virtual time pass and everything settle.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func info(tree *Tree, path string) ActorInfo {
	all := tree.Inspect()
	if i := slices.IndexFunc(all, func(a ActorInfo) bool { return a.Path == path }); i >= 0 {
		return all[i]
	}
	return ActorInfo{}
}
