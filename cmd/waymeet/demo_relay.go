package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/waymeet/waymeet"
)

// oldLooks is how often the demo looks for an effect that must not come.
const oldLooks = 10

// killRelay: the relay is killed with SIGKILL while the streams run on it, and
// comes back where it was.
func (p *play) killRelay(ctx context.Context) error {
	began := time.Now()
	if err := p.stage.holdRelay(ctx, true); err != nil {
		return err
	}
	if err := p.awaitPath(ctx, waymeet.PathRelay, 10*time.Second); err != nil {
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

// generations: an older network generation changes nothing, a newer one gives
// a new budget and one fresh cycle. Both nodes are on one machine, so its
// network changes for both.
func (p *play) generations(ctx context.Context) error {
	for _, player := range p.stage.players() {
		before, err := p.attempts(ctx, player)
		if err != nil {
			return err
		}
		if err := p.announceOld(ctx, player, before); err != nil {
			return err
		}
	}
	for _, player := range p.stage.players() {
		if err := p.announceNew(ctx, player); err != nil {
			return err
		}
	}
	return nil
}

// announceNew announces the next generation, while the relay is held: so no
// attempt begins that would hide the new budget.
func (p *play) announceNew(ctx context.Context, player *player) error {
	before, err := p.attempts(ctx, player)
	if err != nil {
		return err
	}
	mark := player.heard()
	if err := player.admin.NetworkChange(ctx, 0); err != nil {
		return err
	}
	var after attempts
	err = p.until(ctx, 20*time.Second, "the newer generation gives a new budget", func() (bool, error) {
		var err error
		after, err = p.attempts(ctx, player)
		return after.local > before.local && after.cycles > before.cycles && p.resetWasTold(player, mark), err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", player.name, err)
	}
	if after.used.Used != 0 {
		return fmt.Errorf("%s: attempts %s, then %s: they were not reset", player.name, before.used, after.used)
	}
	p.report.step("network", "%s: generation %d → %d: attempts %s → %s, cycle %d → %d", player.name, before.local, after.local, before.used, after.used, before.cycles, after.cycles)
	return nil
}

// announceOld announces generations that are not newer.
func (p *play) announceOld(ctx context.Context, player *player, before attempts) error {
	var olds []string
	for old := before.local; old > 0 && before.local-old < 2; old-- {
		mark := player.heard()
		if err := player.admin.NetworkChange(ctx, old); err != nil {
			return err
		}
		olds = append(olds, fmt.Sprint(old))
		for range oldLooks {
			after, err := p.attempts(ctx, player)
			switch {
			case err != nil:
				return err
			case after != before:
				return fmt.Errorf("%s: generation %d is not newer than %d, and yet %+v became %+v", player.name, old, before.local, before, after)
			case p.resetWasTold(player, mark):
				return fmt.Errorf("%s: generation %d is not newer than %d, and yet a budget was reset", player.name, old, before.local)
			}
			time.Sleep(askEvery)
		}
	}
	p.report.step("network", "%s: generation %s announced again: nothing changes, attempts %s, cycle %d", player.name, strings.Join(olds, " and "), before.used, before.cycles)
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
