package actors_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"regexp"
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
// supervisor gives up, and so on; nobody restarts whom the strategies do not
// name; and the reasons are all there.
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
	// given up alone.
	ladder []string
	alone  string
	before map[string]supervision.Incarnation // who lived when it began
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
	time.Sleep(settle)
	l.before = l.lives()
	fingerprint := l.node.Status().Contexts[0].Fingerprint

	switch l.place {
	case "/channels/handshakes/*": // each lives for milliseconds
		l.target = l.place
		l.killer.begin(l.node, l.target)
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
	l.climb()
	if l.alone == "" {
		l.awaitGivenUp()
	} else {
		time.Sleep(15 * time.Second)
	}
	l.killer.end()
	l.checkLives()
	l.checkReasons()
	l.checkRestarted()
	if l.alone == "" {
		l.checkJournal(fingerprint)
		return
	}
	l.checkOthersLiveOn()
	time.Sleep(5 * time.Minute)
	if l.place == "/bootstrap/joins/*" {
		l.invite(l.peer, l.node)
		return
	}
	l.checkMet()
}

// startNode starts the node that suffers, watched.
func (l *crashLoop) startNode() {
	l.t.Helper()
	config := l.config(0, l.dir)
	config.Chaos = supervision.KillAt(l.killer.at)
	l.seen.told = l.killer.hear
	config.Logger = slog.New(slog.NewMultiHandler(config.Logger.Handler(), l.seen))
	node, err := actors.Start(config)
	if err != nil {
		l.t.Fatal(err)
	}
	l.node = node
	l.seen.listen(node.Events(context.Background()))
	l.nodes = append([]*actors.Node{node}, l.nodes...)
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

// scope reports whether the strategies restart an actor because the one at
// failed dies.
func (l *crashLoop) scope(failed, at string) bool {
	if under(at, failed) {
		return true
	}
	above := path.Dir(failed)
	it := l.drawing[l.drawing.place(above)]
	if it.strategy == supervision.OneForOne || it.strategy == supervision.Dynamic || !under(at, above) || at == above {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(at, above), "/"), "/")
	position := slices.Index(it.children, l.drawing.place(path.Join(above, name)))
	return it.strategy == supervision.AllForOne || position > slices.Index(it.children, l.drawing.place(failed))
}

// under reports whether a path is that of an actor or of one below it.
func under(at, above string) bool {
	return at == above || strings.HasPrefix(at, strings.TrimSuffix(above, "/")+"/")
}

// checkLives checks that under one life of its supervisor the target was
// restarted as often as the intensity allows, and died once more; a temporary
// one is not restarted at all.
func (l *crashLoop) checkLives() {
	l.t.Helper()
	deaths, restarts, most := 0, 0, 0
	for _, n := range l.seen.all() {
		switch {
		case n.what == gaveUp:
			deaths, restarts = 0, 0
		case !supervision.Match(l.target, n.actor):
		case n.what == crashed:
			deaths++
		case n.what == restarting:
			restarts++
		}
		if most = max(most, deaths); restarts > defaultRestarts || l.temporary(l.target) && restarts > 0 {
			l.t.Fatalf("%s was restarted %d times under one life of its supervisor", l.target, restarts)
		}
	}
	if most == 0 || most != defaultRestarts+1 && !l.temporary(l.target) {
		l.t.Errorf("%s died %d times under one life of its supervisor", l.target, most)
	}
}

// checkReasons checks who gave up, in which order, and that each says the whole
// chain of reasons, to the host too.
func (l *crashLoop) checkReasons() {
	l.t.Helper()
	var order []string
	for _, n := range l.seen.all() {
		if n.what != gaveUp {
			continue
		}
		if !slices.Contains(order, n.actor) {
			order = append(order, n.actor)
		}
		if chain := l.chain(n.actor); !chain.MatchString(n.reason) {
			l.t.Errorf("%s gives as reason %q, want %s", n.actor, n.reason, chain)
		}
	}
	if told := l.seen.events(messages.EventActorEscalated); !slices.Equal(told, l.seen.reasons()) {
		l.t.Errorf("the host heard %q, of %q", told, l.seen.reasons())
	}
	want := slices.Clone(l.ladder)
	if l.alone == l.target && !l.temporary(l.target) {
		want = append(want, l.alone)
	}
	if !slices.Equal(order, want) {
		l.t.Errorf("gave up: %q, want %q", order, want)
	}
	if l.alone != "" {
		return
	}
	if err := l.node.Err(); err == nil || !l.chain("/").MatchString(err.Error()) {
		l.t.Errorf("the node stopped because: %v", err)
	}
}

// chain is how the reason of who gave up reads: what and why, from the outermost
// to who died.
func (l *crashLoop) chain(at string) *regexp.Regexp {
	const why = ` gave up \(more than 3 restarts in 1m0s\)`
	words := regexp.QuoteMeta(at) + why + ": "
	if at == l.alone { // given up as a child, because of how it ended as a supervisor
		words += "(" + regexp.QuoteMeta(at) + "(" + why + "| could not start): )?"
	}
	for _, below := range slices.Backward(l.ladder[:max(0, slices.Index(l.ladder, at))]) {
		words += regexp.QuoteMeta(below) + "(" + why + "| could not start): "
	}
	return regexp.MustCompile("^" + words + regexp.QuoteMeta(l.target) + " (crashed|could not start): killed$")
}

// checkRestarted checks, at each moment when somebody gives up for the first
// time, that whoever was restarted until then is who the strategies name.
func (l *crashLoop) checkRestarted() {
	l.t.Helper()
	restarted := make(map[string]bool)
	failed, rung := l.target, 0
	check := func() {
		for at := range l.before {
			in := l.scope(failed, at)
			if restarted[at] && !in {
				l.t.Errorf("%s was restarted because of %s", at, failed)
			}
			if must := in && l.fixed(path.Dir(failed), at) && !l.killer.early; must && !restarted[at] {
				l.t.Errorf("%s was not restarted with %s", at, failed)
			}
		}
	}
	for _, n := range l.seen.all() {
		if was, lived := l.before[n.actor]; n.what == started && lived && n.incarnation.After(was) {
			restarted[n.actor] = true
		}
		if rung < len(l.ladder) && n.what == gaveUp && n.actor == l.ladder[rung] {
			check()
			failed = l.ladder[rung]
			rung++
		}
	}
	if l.alone != "" {
		check()
	}
}

// fixed reports whether a supervisor starts an actor below it by itself: no
// dynamic one is between them.
func (l *crashLoop) fixed(above, at string) bool {
	for at = path.Dir(at); at != above && at != "/"; at = path.Dir(at) {
		if l.drawing[l.drawing.place(at)].strategy == supervision.Dynamic {
			return false
		}
	}
	return true
}

// checkOthersLiveOn checks that nobody but the child that was given up was
// touched, and that the node runs.
func (l *crashLoop) checkOthersLiveOn() {
	l.t.Helper()
	now := l.lives()
	for at, life := range l.before {
		lost := under(at, l.alone)
		if !lost && now[at] != life {
			l.t.Errorf("%s is in life %d, was in %d", at, now[at], life)
		}
		if lost && now[at] != 0 {
			l.t.Errorf("%s was given up and runs", at)
		}
	}
	select {
	case <-l.node.Done():
		l.t.Errorf("the node has stopped: %v", l.node.Err())
	default:
	}
}

// awaitGivenUp waits until the node has stopped by itself.
func (l *crashLoop) awaitGivenUp() {
	l.t.Helper()
	select {
	case <-l.node.Done():
	case <-time.After(time.Minute):
		l.t.Fatal("the node did not give up")
	}
}

// checkJournal checks that the journal of a node that gave up is whole, and
// goes on.
func (l *crashLoop) checkJournal(fingerprint string) {
	l.t.Helper()
	l.startNode()
	if got := l.node.Status().Contexts; len(got) != 1 || got[0].Fingerprint != fingerprint {
		l.t.Errorf("the journal is %+v, want %s", got, fingerprint)
	}
	fact := messages.ApplicationFact{Type: messages.FactApplication, Body: []byte("after all")}
	if _, err := l.node.Append(context.Background(), l.node.Contexts()[0], fact); err != nil {
		l.t.Error(err)
	}
}
