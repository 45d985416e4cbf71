package actors_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// defaultRestarts is how many restarts within a minute the default intensity
// allows.
const defaultRestarts = 3

// With the default intensity every actor of the tree, supervisors too, is
// crash-looped once: each of its lives dies, as soon as it is up or already at
// its acknowledgement. It restarts as often as the intensity allows; then its
// supervisor gives up, and so on, up to the root, or to the child of a dynamic
// supervisor, which is quarantined alone; nobody restarts whom the strategies do
// not name; and the reasons are all there.
func TestEveryActorCrashLoops(t *testing.T) {
	d := readDrawing(t)
	a, b := joined(t)
	for _, place := range slices.Sorted(maps.Keys(d)) {
		if place == "/" {
			continue // nobody can kill it
		}
		for _, early := range []bool{false, true} {
			if early && d[place].supervisor {
				continue // no code runs at its acknowledgement
			}
			name := strings.ReplaceAll(strings.Trim(place, "/"), "/", ".")
			t.Run(fmt.Sprintf("%s/early=%v", name, early), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newCrashLoop(t, d, place, early).run(copyDir(t, a), copyDir(t, b)) })
			})
		}
	}
}

// The tree of a relay has one actor. When it crashes too often the relay has
// stopped and says why.
func TestRelayCrashLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		for range defaultRestarts + 1 {
			if w.relay.Kill("*") != 1 {
				t.Error("the forwarder did not live")
			}
			time.Sleep(time.Second)
		}
		select {
		case <-w.relay.Done():
		default:
			t.Fatal("the relay runs on")
		}
		const why = "/ gave up (more than 3 restarts in 1m0s): /forwarder crashed: killed"
		if err := w.relay.Err(); err == nil || err.Error() != why {
			t.Errorf("it stopped because: %v", err)
		}
	})
}

// crashLoop is one run: a node whose actor at one place dies in every life.
type crashLoop struct {
	*world
	drawing drawing
	place   string
	killer  *assassin
	seen    *witness
	// node is the one that suffers, in dir; peer is the other member.
	node, peer *actors.Node
	dir        string
	target     string // the path of who dies
	// ladder are the supervisors that give up because of that, one after the
	// other: up to the root, or to the child of a dynamic supervisor, which is
	// quarantined alone.
	ladder []string
	alone  string
	before map[string]supervision.Incarnation // who lived when it began
	facts  []messages.FactID                  // what was acknowledged before
}

func newCrashLoop(t *testing.T, d drawing, place string, early bool) *crashLoop {
	t.Helper()
	l := &crashLoop{world: newWorld(t), drawing: d, place: place, killer: &assassin{early: early}, seen: &witness{}}
	l.world.killed = func() string { return l.target }
	return l
}

func (l *crashLoop) run(dir, peerDir string) {
	l.dir = dir
	defer l.stop()
	l.startNode()
	startPeer := func() { l.peer = l.start(peerDir, nil) }
	if !strings.HasPrefix(l.place, "/channels/handshakes/") {
		startPeer()
	}
	for range 3 {
		l.append()
	}
	time.Sleep(back)
	l.before = l.lives()
	l.attack(startPeer)
	l.climb()
	if l.alone == "" {
		l.awaitGivenUp()
	} else {
		time.Sleep(15 * time.Second)
	}
	l.checkLives()
	l.checkReasons()
	l.checkRestarted()
	if l.alone == "" {
		l.checkJournal()
		return
	}
	l.checkOthersLiveOn()
	if !l.temporary(l.target) {
		time.Sleep(3 * time.Minute)
		l.checkRelapses()
		l.checkOthersLiveOn()
	}
	l.killer.end()
	time.Sleep(10 * time.Minute)
	l.checkServes()
}

// attack begins to kill.
func (l *crashLoop) attack(startPeer func()) {
	switch l.place {
	case "/channels/handshakes/*": // each lives for milliseconds
		l.target = l.place
		l.killer.begin(l.node, l.target)
		l.node.Kill(l.target) // one may wait for the peer
		startPeer()
	case "/bootstrap/joins/*":
		l.target = l.place
		l.killer.begin(l.node, l.target)
		l.joinInVain()
	default:
		l.target = l.find()
		l.killer.begin(l.node, l.target)
		l.node.Kill(l.target)
	}
}

// startNode starts the node that suffers, watched.
func (l *crashLoop) startNode() {
	l.t.Helper()
	config := l.config(0, l.dir)
	config.Chaos = supervision.KillAt(l.killer.at)
	l.seen.told = l.killer.hear
	config.Logger = slog.New(slog.NewMultiHandler(config.Logger.Handler(), l.seen))
	node := l.startOn(config)
	l.node = node
	l.seen.listen(node.Events(context.Background()))
	l.nodes = append([]*actors.Node{node}, l.nodes...)
}

// append appends a fact, and returns when it is acknowledged.
func (l *crashLoop) append() {
	l.t.Helper()
	fact := messages.ApplicationFact{Type: messages.FactApplication, Body: []byte("acknowledged")}
	id, err := l.node.Append(context.Background(), l.node.Contexts()[0], fact)
	if err != nil {
		l.t.Fatal(err)
	}
	l.facts = append(l.facts, id)
}

// find is the path of the actor to kill.
func (l *crashLoop) find() string {
	l.t.Helper()
	for _, at := range slices.Sorted(maps.Keys(l.before)) {
		if l.drawing.place(at) == l.place {
			return at
		}
	}
	l.t.Fatalf("nobody lives at %s, and the test does not know how to bring one there", l.place)
	return ""
}

// joinInVain lets the node try to join another context.
func (l *crashLoop) joinInVain() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	founded, err := l.peer.Found(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	time.Sleep(time.Second)
	ticket, err := l.peer.Invite(ctx, founded, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	for range 2 * defaultRestarts {
		if _, _, err := l.node.Join(ctx, ticket); err == nil || ctx.Err() != nil {
			l.t.Fatalf("the join died, and yet: %v", err)
		}
	}
}

// lives are the lives that run.
func (l *crashLoop) lives() map[string]supervision.Incarnation {
	lives := make(map[string]supervision.Incarnation)
	for _, actor := range l.node.Inspect() {
		if actor.State == supervision.StateUp && !l.temporary(actor.Path) {
			lives[actor.Path] = actor.Incarnation
		}
	}
	return lives
}

// climb finds out who will give up. A temporary actor is never restarted, so
// its end is nobody's failure.
func (l *crashLoop) climb() {
	for at := l.target; at != "/"; at = path.Dir(at) {
		above := path.Dir(at)
		if l.drawing[l.drawing.place(above)].strategy == supervision.Dynamic {
			l.alone = at
			return
		}
		l.ladder = append(l.ladder, above)
	}
}

// temporary reports whether an actor is never restarted.
func (l *crashLoop) temporary(at string) bool {
	return l.drawing[l.drawing.place(path.Dir(at))].temporary
}
