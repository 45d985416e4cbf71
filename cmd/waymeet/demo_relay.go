package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/waymeet/waymeet"
)

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
// a new budget and one fresh cycle.
func (p *play) generations(ctx context.Context) error {
	alice := p.stage.alice
	before, err := p.attempts(ctx, alice)
	if err != nil {
		return err
	}
	if err := p.announceOld(ctx, before); err != nil {
		return err
	}

	mark := alice.heard()
	if err := alice.admin.NetworkChange(ctx, 0); err != nil {
		return err
	}
	var after attempts
	err = p.until(ctx, 20*time.Second, "the newer generation gives a new budget", func() (bool, error) {
		after, err = p.attempts(ctx, alice)
		return after.local > before.local && after.cycles > before.cycles && p.resetWasTold(alice, mark), err
	})
	if err != nil {
		return err
	}
	if after.used.Used > before.used.Used {
		return fmt.Errorf("attempts %s, then %s: they were not reset", before.used, after.used)
	}
	p.report.step("network", "generation %d → %d: attempts %s → %s, cycle %d → %d", before.local, after.local, before.used, after.used, before.cycles, after.cycles)
	return nil
}

// announceOld announces generations that are not newer.
func (p *play) announceOld(ctx context.Context, before attempts) error {
	alice := p.stage.alice
	var olds []string
	for old := before.local; old > 0 && before.local-old < 2; old-- {
		mark := alice.heard()
		if err := alice.admin.NetworkChange(ctx, old); err != nil {
			return err
		}
		olds = append(olds, fmt.Sprint(old))
		for range 10 {
			after, err := p.attempts(ctx, alice)
			switch {
			case err != nil:
				return err
			case after != before:
				return fmt.Errorf("generation %d is not newer than %d, and yet %+v became %+v", old, before.local, before, after)
			case p.resetWasTold(alice, mark):
				return fmt.Errorf("generation %d is not newer than %d, and yet a budget was reset", old, before.local)
			}
			time.Sleep(askEvery)
		}
	}
	p.report.step("network", "generation %s announced again: nothing changes, attempts %s, cycle %d", strings.Join(olds, " and "), before.used, before.cycles)
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
