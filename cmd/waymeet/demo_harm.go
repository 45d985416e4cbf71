package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waymeet/waymeet"
)

const (
	// killRounds is how often each actor is killed at each node.
	killRounds = 3
	// maxJoins bounds the hunt for handshakers, which live for milliseconds, and
	// deathNews how long the news of a death may take.
	maxJoins  = 8
	deathNews = 200 * time.Millisecond
	// outage is how long the relay stays dead.
	outage = 300 * time.Millisecond
)

// victims are the actors that live as long as the node does, and how to know
// their paths. The HandshakerActors live as long as a handshake does.
var victims = []struct {
	name  string
	isOne func(path string, cx waymeet.ContextID) bool
}{
	{"PeerConnectionActor", func(path string, cx waymeet.ContextID) bool {
		return strings.HasPrefix(path, "/channels/pairs/"+cx.String())
	}},
	{"JournalSyncActor", func(path string, cx waymeet.ContextID) bool {
		return path == "/contexts/"+cx.String()+"/sync"
	}},
	{"ChannelManagerActor", func(path string, _ waymeet.ContextID) bool {
		return path == "/channels/manager"
	}},
}

// handshakers is where the HandshakerActors are.
const handshakers = "/channels/handshakes/"

// promotion: let go of the relay, and see both ends move to a direct path.
func (p *play) promotion(ctx context.Context) error {
	began := time.Now()
	if err := p.release(ctx); err != nil {
		return err
	}
	p.report.step("promotion", "relay → direct at both ends after %s", millis(time.Since(began)))
	p.tellPaths(ctx, "promotion")
	return nil
}

// relayed: what is sent now goes through the relay, by the relay's own count.
func (p *play) relayed(ctx context.Context) error {
	before, err := p.stage.forwarded(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := bothWays(ctx, p.stage.alice, p.stage.bob, p.payload); err != nil {
		return err
	}
	after, err := p.stage.forwarded(ctx)
	if err != nil {
		return err
	}
	var sent uint64
	for _, what := range p.payload {
		sent += 2 * uint64(what.size)
	}
	if after-before < sent {
		return fmt.Errorf("%d bytes were sent, and the relay counts only %d more", sent, after-before)
	}
	p.report.step("relayed", "%s sent both ways in %s, sha256 equal; the relay forwarded %s", size(sent), millis(time.Since(began)), size(after-before))
	return nil
}

// direct: the relay's count stands still while the file flows.
func (p *play) direct(ctx context.Context) error {
	var began time.Time
	var still uint64
	var flowed int64
	limit := 20*time.Second + 2*p.payload.flow() // only whole copies count
	err := p.until(ctx, limit, "the relay's count stands still while 50 MB flow", func() (bool, error) {
		count, err := p.stage.forwarded(ctx)
		if err != nil {
			return false, err
		}
		if began.IsZero() || count != still {
			began, still, flowed = time.Now(), count, p.streams.flowed()
		}
		return time.Since(began) >= stillFor && p.streams.flowed()-flowed >= stillFlow, nil
	})
	if err != nil {
		return err
	}
	p.report.step("direct", "%s arrived in %s while the relay's count stood still at %s",
		size(uint64(p.streams.flowed()-flowed)), millis(time.Since(began)), size(still))
	return nil
}

// killActors: each of the three is killed several times at each node while the
// file flows both ways.
func (p *play) killActors(ctx context.Context) error {
	var err error
	if p.unharmed, err = p.spent(ctx); err != nil {
		return err
	}
	for _, victim := range victims {
		var seen []string
		began := time.Now()
		for range killRounds {
			for _, player := range p.stage.players() {
				actor, err := p.find(ctx, player, victim.isOne)
				if err != nil {
					return fmt.Errorf("%s at %s: %w", victim.name, player.name, err)
				}
				change, err := p.killOnce(ctx, player, actor)
				if err != nil {
					return fmt.Errorf("%s at %s: %w", actor.Path, player.name, err)
				}
				seen = append(seen, change)
			}
		}
		p.report.step("kill", "%s ×%d in %s; attempts %s", victim.name, len(seen), millis(time.Since(began)), strings.Join(seen, ", "))
	}
	if err := p.onward(ctx, "after the kills"); err != nil {
		return err
	}
	return p.compareUnharmed(ctx)
}

// find is the actor of that kind at one node.
func (p *play) find(ctx context.Context, player *player, isOne func(string, waymeet.ContextID) bool) (found waymeet.ActorStatus, err error) {
	err = p.until(ctx, 5*time.Second, "the actor is there", func() (bool, error) {
		status, err := player.admin.Status(ctx)
		for _, actor := range status.Actors {
			if isOne(actor.Path, p.context) && actor.Incarnation > 0 {
				found = actor
			}
		}
		return found.Path != "", err
	})
	return found, err
}

// killOnce kills one actor, waits until it has died and lives again, and
// compares the attempts before and after.
func (p *play) killOnce(ctx context.Context, player *player, victim waymeet.ActorStatus) (change string, err error) {
	before, err := p.attempts(ctx, player)
	if err != nil {
		return "", err
	}
	mark := player.heard()
	if _, err := killIfThere(ctx, player, victim.Path); err != nil {
		return "", err
	}
	isIt := func(path string, _ waymeet.ContextID) bool { return path == victim.Path }
	err = p.until(ctx, 5*time.Second, "it has died and lives again", func() (bool, error) {
		actor, err := p.find(ctx, player, isIt)
		return actor.Incarnation > victim.Incarnation && crashes(player.since(mark), victim.Path) == 1, err
	})
	if err != nil {
		return "", err
	}
	return p.compare(ctx, player, before)
}

// crashes counts the lives that a kill or another panic ended, of the actors
// whose path begins so.
func crashes(events []waymeet.Event, path string) (count int) {
	for _, event := range events {
		if event.Kind == waymeet.EventActorCrashed && strings.HasPrefix(event.Actor, path) {
			count++
		}
	}
	return count
}

// onward: every direction has got another whole copy through.
func (p *play) onward(ctx context.Context, when string) error {
	before := p.streams.counts()
	return p.until(ctx, 2*p.payload.limit(), "both directions go on "+when, func() (bool, error) {
		for i, count := range p.streams.counts() {
			// the copy under way had begun before, the next one had not
			if count < before[i]+2 {
				return false, nil
			}
		}
		return true, nil
	})
}

// killHandshakers: handshakers are killed as they appear, while bob uses more
// tickets and the file flows over the channel that is there.
func (p *play) killHandshakers(ctx context.Context) error {
	began, joins := time.Now(), 0
	var seen []string
	for len(seen) < killRounds && joins < maxJoins {
		changes, err := p.joinUnderFire(ctx)
		if err != nil {
			return err
		}
		seen, joins = append(seen, changes...), joins+1
	}
	if len(seen) < killRounds {
		return fmt.Errorf("only %d handshakers were caught with %d tickets", len(seen), joins)
	}
	p.report.step("kill", "HandshakerActor ×%d while bob used %d more tickets in %s; attempts %s", len(seen), joins, millis(time.Since(began)), strings.Join(seen, ", "))
	if err := p.onward(ctx, "after the joins"); err != nil {
		return err
	}
	return p.compareUnharmed(ctx)
}

// joinUnderFire lets bob use a ticket and kills his handshakers meanwhile, but
// no more than a few: else it would never end.
func (p *play) joinUnderFire(ctx context.Context) (changes []string, err error) {
	joined := make(chan error, 1)
	go func() {
		_, _, err := p.inviteAndJoin(ctx)
		joined <- err
	}()
	for len(changes) < killRounds {
		change, err := p.shootHandshaker(ctx, p.stage.bob)
		if err != nil {
			return changes, errors.Join(err, <-joined)
		}
		if change != "" {
			changes = append(changes, change)
		}
		select {
		case err := <-joined:
			return changes, err
		default:
		}
	}
	return changes, <-joined
}

// killIfThere kills whom the pattern meets, if it meets anybody: who was there a
// moment ago may be between two lives, or over.
func killIfThere(ctx context.Context, player *player, pattern string) (hit bool, err error) {
	_, err = player.admin.Kill(ctx, pattern)
	var problem waymeet.Problem
	if errors.As(err, &problem) && problem.Code == waymeet.ExitFailed {
		return false, nil
	}
	return err == nil, err
}

// shootHandshaker kills a handshaker if there is one at this moment. The count
// of Kill is not enough: a handshaker may end by itself before the kill comes
// to it.
func (p *play) shootHandshaker(ctx context.Context, player *player) (change string, err error) {
	before, err := p.attempts(ctx, player)
	if err != nil {
		return "", err
	}
	mark := player.heard()
	if hit, err := killIfThere(ctx, player, handshakers+"*"); err != nil || !hit {
		return "", err
	}
	for deadline := time.Now().Add(deathNews); crashes(player.since(mark), handshakers) == 0; time.Sleep(askEvery) {
		if time.Now().After(deadline) {
			return "", nil
		}
	}
	return p.compare(ctx, player, before)
}
