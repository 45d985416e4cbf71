package waymeet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/supervision"
)

// A word is what the actors of these tests are told.
type word struct {
	say   string // "panic", "end", "kill PATTERN"; empty: say how often you were asked
	reply supervision.Reply[int]
}

// parrot is an actor of a host program: it counts in how many questions it has
// heard in this life, and notes in a diary that it starts and stops.
type parrot struct {
	diary *diary
	heard int
}

func (p *parrot) Start(c *supervision.Context[word]) error {
	return p.diary.note(c.Path(), "starts")
}

func (p *parrot) Receive(c *supervision.Context[word], w word) {
	pattern, kills := strings.CutPrefix(w.say, "kill ")
	switch {
	case kills:
		c.Tree().Kill(pattern)
	case w.say == "panic":
		panic("as told")
	case w.say == "end":
		c.StopSelf()
	}
	p.heard++
	w.reply.Send(p.heard)
}

func (p *parrot) Stop(c *supervision.Context[word]) {
	running := "runs"
	for _, actor := range c.Tree().Inspect() {
		if !strings.HasPrefix(actor.Path, "/host") && actor.Path != "/" && actor.State != supervision.StateUp {
			running = "does not run: " + actor.Path
		}
	}
	p.diary.note(c.Path(), "stops while the node "+running)
}

// diary is where parrots write; a bad one refuses to let them start.
type diary struct {
	mu    sync.Mutex
	lines []string
	bad   bool
}

func (d *diary) note(path, line string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, path+" "+line)
	if d.bad {
		return errors.New("the diary is full")
	}
	return nil
}

// mend makes a bad diary a good one.
func (d *diary) mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bad = false
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func parrotChild(d *diary, name string, restart supervision.Restart) supervision.Child {
	return supervision.WorkerSpec[word]{
		Name: name, Restart: restart, New: func() supervision.Actor[word] { return &parrot{diary: d} },
	}.Child()
}

// supervise starts parrots on a node.
func supervise(t *testing.T, node *waymeet.Node, children ...supervision.Child) {
	t.Helper()
	for _, child := range children {
		if err := node.Supervise(child); err != nil {
			t.Fatal(err)
		}
	}
}

// ask tells an actor a word and waits for its answer.
func ask(t *testing.T, node *waymeet.Node, name, say string) (int, error) {
	t.Helper()
	return supervision.Ask(patient(t), waymeet.Actor[word](node, name), func(r supervision.Reply[int]) word { return word{say, r} })
}

// lives are the incarnations of the node's own actors that last: neither the
// host's nor handshakes.
func lives(node *waymeet.Node) map[string]supervision.Incarnation {
	lives := make(map[string]supervision.Incarnation)
	for _, actor := range node.Report().Actors {
		if !strings.HasPrefix(actor.Path, "/host/") && !strings.HasPrefix(actor.Path, "/channels/handshakes/") {
			lives[actor.Path] = actor.Incarnation
		}
	}
	return lives
}

// A crash of a host's actor is its own affair: no other actor starts again, and
// the stream beside it goes on.
func TestHostActorCrashesAlone(t *testing.T) {
	relay := startRelay(t, waymeet.RelayConfig{})
	anna := startNode(t, waymeet.Config{Relays: []string{relay.URL()}})
	met := meet(t, anna, startNode(t, waymeet.Config{Relays: []string{relay.URL()}}))
	near, far := openStream(t, met.toBen, met.toAnna, "test/1")
	events := anna.Events(t.Context())
	d := &diary{}
	supervise(t, anna, parrotChild(d, "poll", supervision.Permanent), parrotChild(d, "coco", supervision.Permanent))
	for range 2 {
		if _, err := ask(t, anna, "poll", ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ask(t, anna, "coco", ""); err != nil {
		t.Fatal(err)
	}

	before := lives(anna)
	var failed *supervision.AskError
	if _, err := ask(t, anna, "poll", "panic"); !errors.As(err, &failed) || !strings.Contains(err.Error(), "as told") {
		t.Errorf("the question on which it died: %v", err)
	}
	if n, err := ask(t, anna, "poll", ""); n != 1 || err != nil {
		t.Errorf("after the crash it has heard %d: %v", n, err)
	}
	if n, err := ask(t, anna, "coco", ""); n != 2 || err != nil {
		t.Errorf("the other one has heard %d: %v", n, err)
	}
	if after := lives(anna); !maps.Equal(before, after) {
		t.Errorf("before:\n%v\nafter:\n%v", before, after)
	}
	expectEvents(t, events, "actor_crashed /host/poll as told", "actor_restarted /host/poll")
	fmt.Fprint(near, "still here")
	buffer := make([]byte, len("still here"))
	if _, err := far.Read(buffer); err != nil || string(buffer) != "still here" {
		t.Errorf("the stream beside it: %q, %v", buffer, err)
	}
}

// expectEvents waits for events of the host's actors that begin so, in their
// order.
func expectEvents(t *testing.T, events <-chan waymeet.Event, want ...string) {
	t.Helper()
	deadline := time.After(patience)
	for len(want) > 0 {
		select {
		case e := <-events:
			if !strings.HasPrefix(e.Actor, "/host/") {
				continue
			}
			if got := fmt.Sprintf("%s %s %s", e.Kind, e.Actor, e.Reason); !strings.HasPrefix(got, want[0]) {
				t.Fatalf("event %q, not %q", got, want[0])
			}
			want = want[1:]
		case <-deadline:
			t.Fatalf("no event %q", want[0])
		}
	}
}

// A host's actor that can never start is quarantined after as many restarts as
// its intensity allows, alone, and that is told; it may be dismissed.
func TestHostActorIsQuarantinedAlone(t *testing.T) {
	node := startNode(t, waymeet.Config{})
	good, bad := &diary{}, &diary{bad: true}
	supervise(t, node, parrotChild(good, "good", supervision.Permanent))
	if _, err := ask(t, node, "good", ""); err != nil {
		t.Fatal(err)
	}
	before, events := lives(node), node.Events(t.Context())
	supervise(t, node, parrotChild(bad, "bad", supervision.Permanent))
	eventually(t, "it is in quarantine", func() bool { return quarantined(node) == 1 })
	if starts := len(bad.read()); starts != 4 {
		t.Errorf("it was started %d times", starts)
	}
	crash := "actor_crashed /host/bad the diary is full"
	expectEvents(t, events, crash, crash, crash, crash,
		"actor_quarantined /host/bad /host/bad gave up (more than 3 restarts in 1m0s): /host/bad could not start: the diary is full")
	if n, err := ask(t, node, "good", ""); n != 2 || err != nil {
		t.Errorf("the other one has heard %d: %v", n, err)
	}
	if after := lives(node); !maps.Equal(before, after) {
		t.Errorf("before:\n%v\nafter:\n%v", before, after)
	}
	if err := node.Dismiss("bad"); err != nil {
		t.Fatal(err)
	}
	bad.mend()
	eventually(t, "its name is free", func() bool {
		return node.Supervise(parrotChild(bad, "bad", supervision.Permanent)) == nil
	})
	if n, err := ask(t, node, "bad", ""); n != 1 || err != nil {
		t.Errorf("supervised again it has heard %d: %v", n, err)
	}
}

// quarantined counts the host's actors that are.
func quarantined(node *waymeet.Node) int {
	count := 0
	for _, actor := range node.Report().Actors {
		if actor.State == supervision.StateQuarantined && strings.HasPrefix(actor.Path, "/host/") {
			count++
		}
	}
	return count
}

// However many of the host's actors are bad, the node lives on, and the good one
// does not notice.
func TestManyBadHostActorsDoNotEndTheNode(t *testing.T) {
	node := startNode(t, waymeet.Config{})
	good, bad := &diary{}, &diary{bad: true}
	supervise(t, node, parrotChild(good, "good", supervision.Permanent))
	if _, err := ask(t, node, "good", ""); err != nil {
		t.Fatal(err)
	}
	before := lives(node)
	for i := range 24 {
		supervise(t, node, parrotChild(bad, fmt.Sprint("bad", i), supervision.Permanent))
	}
	eventually(t, "all are in quarantine", func() bool { return quarantined(node) == 24 })
	if n, err := ask(t, node, "good", ""); n != 2 || err != nil {
		t.Errorf("the good one has heard %d: %v", n, err)
	}
	if after := lives(node); !maps.Equal(before, after) {
		t.Errorf("before:\n%v\nafter:\n%v", before, after)
	}
	if err := node.Err(); err != nil {
		t.Error(err)
	}
}

// Who lives when /host is started again lives again; who has ended by itself, or
// was dismissed, does not.
func TestHostActorsComeBackWithTheirSupervisor(t *testing.T) {
	node := startNode(t, waymeet.Config{})
	d := &diary{}
	supervise(t, node,
		parrotChild(d, "stays", supervision.Permanent), parrotChild(d, "ends", supervision.Transient),
		parrotChild(d, "dismissed", supervision.Permanent),
		supervision.SupervisorSpec{
			Name: "group", Children: []supervision.Child{parrotChild(d, "one", supervision.Permanent)},
		}.Child(),
	)
	if err := node.Supervise(parrotChild(d, "stays", supervision.Permanent)); !errors.Is(err, supervision.ErrExists) {
		t.Errorf("a second one of that name: %v", err)
	}
	if _, err := ask(t, node, "ends", "end"); err != nil {
		t.Fatal(err)
	}
	if err := node.Dismiss("dismissed"); err != nil {
		t.Fatal(err)
	}
	if err := node.Dismiss("dismissed"); !errors.Is(err, supervision.ErrNoActor) {
		t.Errorf("dismissed twice: %v", err)
	}
	eventually(t, "they are gone", func() bool {
		for _, name := range []string{"ends", "dismissed"} {
			if err := waymeet.Actor[word](node, name).Tell(word{}); !errors.Is(err, supervision.ErrNoActor) {
				return false
			}
		}
		return true
	})

	for _, name := range []string{"stays", "group/one"} {
		if _, err := ask(t, node, name, ""); err != nil {
			t.Fatal(err)
		}
	}
	before, written := lives(node), len(d.read())
	if _, err := ask(t, node, "group/one", "kill /host"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are back", func() bool {
		lines := d.read()[written:]
		return slices.Contains(lines, "/host/stays starts") && slices.Contains(lines, "/host/group/one starts")
	})
	after := lives(node)
	for _, path := range []string{"/host", "/hostkeeper"} {
		if !after[path].After(before[path]) {
			t.Errorf("%s did not start again: %v, %v", path, before[path], after[path])
		}
		delete(before, path)
		delete(after, path)
	}
	if !maps.Equal(before, after) {
		t.Errorf("before:\n%v\nafter:\n%v", before, after)
	}
	for _, line := range d.read()[written:] {
		if line == "/host/ends starts" || line == "/host/dismissed starts" {
			t.Errorf("it came back: %q", line)
		}
	}
}

// Stop stops the host's actors while all of the node still runs.
func TestStopStopsHostActorsFirst(t *testing.T) {
	node := startNode(t, waymeet.Config{})
	d := &diary{}
	supervise(t, node, parrotChild(d, "poll", supervision.Permanent), parrotChild(d, "coco", supervision.Permanent))
	for _, name := range []string{"poll", "coco"} {
		if _, err := ask(t, node, name, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := node.Stop(patient(t)); err != nil {
		t.Fatal(err)
	}
	lines := d.read()[2:]
	slices.Sort(lines)
	want := []string{"/host/coco stops while the node runs", "/host/poll stops while the node runs"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q, not %q", lines, want)
	}
	if err := node.Supervise(parrotChild(d, "late", supervision.Permanent)); !errors.Is(err, supervision.ErrStopped) {
		t.Errorf("after Stop: %v", err)
	}
	if _, err := supervision.Ask(context.Background(), waymeet.Actor[word](node, "poll"), func(supervision.Reply[int]) word { return word{} }); !errors.Is(err, supervision.ErrStopped) {
		t.Errorf("asked after Stop: %v", err)
	}
}
