package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waymeet/waymeet"
)

// oldLooks is how often the demo looks for an effect that must not come.
const oldLooks = 10

// killRelay: the relay is killed with SIGKILL while the streams run on it, and
// comes back where it was.
func (p *play) killRelay(ctx context.Context) error {
	began := time.Now()
	if err := p.hold(ctx); err != nil {
		return err
	}
	p.report.step("hold", "direct → relay at both ends after %s", millis(time.Since(began)))
	if err := p.relayCounts(ctx, 1<<20); err != nil {
		return err
	}

	copies := p.streams.copies()
	killed := time.Now()
	p.stage.relay.kill()
	select {
	case <-time.After(outage):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := p.stage.startRelay(ctx, p.stage.relayAddress()); err != nil {
		return err
	}
	back := time.Since(killed)
	if err := p.relayCounts(ctx, 1<<20); err != nil {
		return err
	}
	p.report.step("kill -9", "the relay, while it carried copy %d; it was back after %s, the streams after %s", copies+1, millis(back), millis(time.Since(killed)))
	return p.onward(ctx, "over the relay that came back")
}

// relayCounts waits until the relay has forwarded so many bytes more.
func (p *play) relayCounts(ctx context.Context, bytes uint64) error {
	before, err := p.stage.forwarded(ctx)
	if err != nil {
		return err
	}
	return p.until(ctx, 15*time.Second, "the streams are on the relay", func() (bool, error) {
		count, err := p.stage.forwarded(ctx)
		return count >= before+bytes, err
	})
}

// generations: the same network generation again changes nothing, a newer one
// gives a new budget and one fresh cycle. Both nodes are on one machine, so its
// network changes for both.
func (p *play) generations(ctx context.Context) error {
	if _, err := p.spent(ctx); err != nil {
		return err
	}
	if err := p.hold(ctx); err != nil { // no attempt begins that would hide a reset
		return err
	}
	if err := p.announceOld(ctx, 0, "again"); err != nil {
		return err
	}
	return p.announceNew(ctx)
}

// olderGeneration: nor does an older one change anything, once an attempt of
// the fresh cycle was used: an unused cycle would hide a reset.
func (p *play) olderGeneration(ctx context.Context) error {
	return p.announceOld(ctx, 1, "that is older")
}

// announceNew announces the next generation at both nodes.
func (p *play) announceNew(ctx context.Context) error {
	before, marks := make(map[*player]attempts), make(map[*player]int)
	for _, player := range p.stage.players() {
		now, err := p.attempts(ctx, player)
		if err == nil && now.used.Used == 0 {
			err = errors.New("no attempt was used: a reset could not be seen")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", player.name, err)
		}
		before[player], marks[player] = now, player.heard()
	}
	for _, player := range p.stage.players() {
		if err := player.admin.NetworkChange(ctx, 0); err != nil {
			return fmt.Errorf("%s: %w", player.name, err)
		}
	}
	for _, player := range p.stage.players() {
		if err := p.awaitReset(ctx, player, before[player], marks[player]); err != nil {
			return fmt.Errorf("%s: %w", player.name, err)
		}
	}
	return nil
}

// awaitReset waits until the newer generation has given one fresh cycle.
func (p *play) awaitReset(ctx context.Context, player *player, before attempts, mark int) (err error) {
	var after attempts
	err = p.until(ctx, 20*time.Second, "the newer generation gives a new budget", func() (bool, error) {
		after, err = p.attempts(ctx, player)
		return after.local > before.local && after.cycles > before.cycles && p.resetWasTold(player, mark), err
	})
	switch {
	case err != nil:
		return err
	case after.used.Used != 0:
		return fmt.Errorf("attempts %s, then %s: they were not reset", before.used, after.used)
	case after.cycles != before.cycles+1:
		return fmt.Errorf("cycle %d, then %d: that is not one fresh cycle", before.cycles, after.cycles)
	}
	p.report.step("network", "%s: generation %d → %d: attempts %s → %s, cycle %d → %d", player.name, before.local, after.local, before.used, after.used, before.cycles, after.cycles)
	return nil
}

// announceOld announces at each node the generation that is so much older than
// its own: 0 is its own once more.
func (p *play) announceOld(ctx context.Context, older waymeet.NetworkGeneration, how string) error {
	for _, player := range p.stage.players() {
		before, err := p.attempts(ctx, player)
		if err != nil {
			return err
		}
		switch {
		case before.local <= older:
			return fmt.Errorf("%s: no generation is older than %d", player.name, before.local)
		case before.used.Used == 0:
			return fmt.Errorf("%s: no attempt was used: a reset could not be seen", player.name)
		}
		if err := p.announceStale(ctx, player, before, before.local-older); err != nil {
			return err
		}
		p.report.step("network", "%s, at generation %d: %d is announced, %s: nothing changes, attempts %s, cycle %d",
			player.name, before.local, before.local-older, how, before.used, before.cycles)
	}
	return nil
}

// announceStale announces a generation that is not newer and looks whether it
// has an effect. What the peer's descriptor says may change meanwhile.
func (p *play) announceStale(ctx context.Context, player *player, before attempts, stale waymeet.NetworkGeneration) error {
	mark := player.heard()
	if err := player.admin.NetworkChange(ctx, stale); err != nil {
		return err
	}
	for range oldLooks {
		after, err := p.attempts(ctx, player)
		switch {
		case err != nil:
			return err
		case after.used != before.used || after.cycles != before.cycles || after.local != before.local:
			return fmt.Errorf("%s: generation %d is not newer than %d, and yet %+v became %+v", player.name, stale, before.local, before, after)
		case p.resetWasTold(player, mark):
			return fmt.Errorf("%s: generation %d is not newer than %d, and yet a budget was reset", player.name, stale, before.local)
		}
		time.Sleep(askEvery)
	}
	return nil
}

// resetWasTold looks for the event of a new budget toward the peer.
func (p *play) resetWasTold(player *player, mark int) bool {
	for _, event := range player.since(mark) {
		if event.Kind == waymeet.EventBudgetReset && event.Context == p.context {
			return true
		}
	}
	return false
}
