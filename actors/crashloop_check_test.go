package actors_test

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/store"
)

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
	isolated := 0
	for _, n := range l.seen.all() {
		switch {
		case n.what == quarantined && n.actor == l.alone:
			isolated++
		case n.what != gaveUp:
			continue
		case !slices.Contains(order, n.actor):
			order = append(order, n.actor)
		}
		if chain := l.chain(n.actor); !chain.MatchString(n.reason) {
			l.t.Errorf("%s gives as reason %q, want %s", n.actor, n.reason, chain)
		}
	}
	if told, reasons := l.seen.events(messages.EventActorEscalated), l.seen.reasons(gaveUp); !slices.Equal(told, reasons) {
		l.t.Errorf("the host heard %q, of %q", told, reasons)
	}
	if !slices.Equal(order, l.ladder) {
		l.t.Errorf("gave up: %q, want %q", order, l.ladder)
	}
	if once := l.alone != "" && !l.temporary(l.target); once != (isolated == 1) {
		l.t.Errorf("%s was quarantined %d times", l.alone, isolated)
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
	if at == l.alone { // quarantined as a child, because of how it ended as a supervisor
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

// checkRelapses checks that who is in quarantine was tried again, that a single
// death led back there each time, and that the host heard of it.
func (l *crashLoop) checkRelapses() {
	l.t.Helper()
	rounds, deaths := 0, 0
	for _, n := range l.seen.all() {
		switch {
		case n.what == quarantined && n.actor == l.alone:
			rounds++
		case n.what == crashed && n.actor == l.alone:
			deaths++
		}
	}
	if first := deaths - (rounds - 1); rounds < 2 || l.alone == l.target && first != defaultRestarts+1 {
		l.t.Errorf("%s was quarantined %d times after %d deaths", l.alone, rounds, deaths)
	}
	told, reasons := l.seen.events(messages.EventActorQuarantined), l.seen.reasons(quarantined)
	if !slices.EqualFunc(told, reasons, strings.HasPrefix) {
		l.t.Errorf("the host heard %q, of %q", told, reasons)
	}
}

// checkOthersLiveOn checks that nobody but the child in quarantine was touched,
// and that the node runs.
func (l *crashLoop) checkOthersLiveOn() {
	l.t.Helper()
	now := l.lives()
	for _, actor := range l.node.Inspect() {
		if isolated := actor.Path == l.alone; isolated != (actor.State == supervision.StateQuarantined) {
			l.t.Errorf("%s is %v", actor.Path, actor.State)
		}
	}
	for at, life := range l.before {
		lost := under(at, l.alone)
		if !lost && now[at] != life {
			l.t.Errorf("%s is in life %d, was in %d", at, now[at], life)
		}
		if lost && now[at] != 0 {
			l.t.Errorf("%s is in quarantine, and runs", at)
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

// checkJournal checks that the journal of a node that gave up is whole, that it
// holds what was acknowledged, and that a new node goes on with it.
func (l *crashLoop) checkJournal() {
	l.t.Helper()
	journal, err := store.Directory(l.dir).Journal(l.node.Contexts()[0]) // verifies every record, their count and fingerprint
	if err != nil {
		l.t.Fatal(err)
	}
	held := map[messages.FactID]bool{}
	for record, err := range journal.Records(messages.BucketFacts) {
		if err != nil {
			l.t.Fatal(err)
		}
		id, err := messages.FactIDOf(record.Value)
		if err != nil {
			l.t.Fatal(err)
		}
		held[id] = true
	}
	for _, id := range l.facts {
		if !held[id] {
			l.t.Errorf("fact %s was acknowledged and is lost", id.Short())
		}
	}
	if err := journal.Close(); err != nil {
		l.t.Error(err)
	}
	l.killer.end()
	l.startNode()
	l.append()
}

// checkServes checks, when nobody is killed any more, that all works again.
func (l *crashLoop) checkServes() {
	l.t.Helper()
	switch l.place {
	case "/bootstrap/joins/*":
		l.invite(l.peer, l.node)
	case "/channels/handshakes/*": // the attempts at a direct path may be used up
		l.exchange([]byte("over whatever path"))
	default:
		l.checkMet()
	}
}
