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
	// maxJoins bounds the hunt for handshakers, which live for milliseconds.
	maxJoins = 6
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

// handshakers is a glob over the paths of the HandshakerActors.
const handshakers = "/channels/handshakes/*"

// promotion: let go of the relay, and see both ends move to a direct path.
func (p *play) promotion(ctx context.Context) error {
	began := time.Now()
	if err := p.stage.holdRelay(ctx, false); err != nil {
		return err
	}
	if err := p.awaitPath(ctx, waymeet.PathDirect, 20*time.Second); err != nil {
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
	err := p.until(ctx, 20*time.Second, "the relay's count stands still while 50 MB flow", func() (bool, error) {
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

// attempts is what must not be refilled by a kill.
type attempts struct {
	used   waymeet.AttemptStatus
	cycles uint64
	remote uint64
	local  waymeet.NetworkGeneration
}

func (p *play) attempts(ctx context.Context, player *player) (attempts, error) {
	status, peer, err := player.look(ctx, p.context)
	if err == nil && peer.Peer.IsZero() {
		err = fmt.Errorf("%s does not show its peer", player.name)
	}
	return attempts{used: peer.Attempts, cycles: peer.Cycles, remote: uint64(peer.CandidateGeneration), local: status.NetworkGeneration}, err
}

// checkNotRefilled: only a newer generation gives a new budget (SPEC 10.3).
func checkNotRefilled(before, after attempts) error {
	sameGenerations := before.remote == after.remote && before.local == after.local
	switch {
	case after.cycles < before.cycles:
		return fmt.Errorf("cycles went back from %d to %d", before.cycles, after.cycles)
	case after.cycles > before.cycles && sameGenerations:
		return fmt.Errorf("a cycle was started without a newer generation")
	case after.cycles == before.cycles && after.used.Used < before.used.Used:
		return fmt.Errorf("attempts were refilled: %s, then %s", before.used, after.used)
	}
	return nil
}

// killActors: each of the three is killed several times at each node while the
// file flows both ways.
func (p *play) killActors(ctx context.Context) error {
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
	return p.onward(ctx, "after the kills")
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

// killOnce kills one actor, waits until it lives again, and compares the
// attempts before and after.
func (p *play) killOnce(ctx context.Context, player *player, victim waymeet.ActorStatus) (change string, err error) {
	before, err := p.attempts(ctx, player)
	if err != nil {
		return "", err
	}
	killed, err := player.admin.Kill(ctx, victim.Path)
	if err != nil {
		return "", err
	}
	if killed != 1 {
		return "", fmt.Errorf("%d were killed, not one", killed)
	}
	isIt := func(path string, _ waymeet.ContextID) bool { return path == victim.Path }
	err = p.until(ctx, 5*time.Second, "it lives again", func() (bool, error) {
		actor, err := p.find(ctx, player, isIt)
		return actor.Incarnation > victim.Incarnation || actor.Restarts > victim.Restarts, err
	})
	if err != nil {
		return "", err
	}
	return p.compare(ctx, player, before)
}

// compare checks that nothing was refilled since, and says it in a few words.
func (p *play) compare(ctx context.Context, player *player, before attempts) (change string, err error) {
	after, err := p.attempts(ctx, player)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s→%s", player.name, before.used, after.used), checkNotRefilled(before, after)
}

// onward: every direction has got another whole copy through.
func (p *play) onward(ctx context.Context, when string) error {
	before := p.streams.counts()
	return p.until(ctx, copyLimit, "both directions go on "+when, func() (bool, error) {
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
	return p.onward(ctx, "after the joins")
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

// shootHandshaker kills a handshaker if there is one at this moment.
func (p *play) shootHandshaker(ctx context.Context, player *player) (change string, err error) {
	before, err := p.attempts(ctx, player)
	if err != nil {
		return "", err
	}
	killed, err := player.admin.Kill(ctx, handshakers)
	if err != nil || killed == 0 {
		return "", err
	}
	return p.compare(ctx, player, before)
}
