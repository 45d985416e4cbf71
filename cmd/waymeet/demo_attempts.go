package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/waymeet/waymeet"
)

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

// spent is how the attempts stand at each node once it has used one: where
// none was used, neither a refill nor a reset could be seen. A node that is
// held on the relay uses none.
func (p *play) spent(ctx context.Context) (map[*player]attempts, error) {
	for tries := 0; ; tries++ {
		all, unused := make(map[*player]attempts), ""
		for _, player := range p.stage.players() {
			now, err := p.attempts(ctx, player)
			if err != nil {
				return nil, err
			}
			if all[player] = now; now.used.Used == 0 {
				unused = player.name
			}
		}
		switch {
		case unused == "" || p.holdRelay:
			return all, nil
		case tries == 2:
			return nil, fmt.Errorf("%s has used no attempt: neither a refill nor a reset could be seen", unused)
		}
		if err := p.hold(ctx); err != nil {
			return nil, err
		}
		if err := p.release(ctx); err != nil {
			return nil, err
		}
	}
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

// compare checks that nothing was refilled since, and says it in a few words.
func (p *play) compare(ctx context.Context, player *player, before attempts) (change string, err error) {
	after, err := p.attempts(ctx, player)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s→%s", player.name, before.used, after.used), checkNotRefilled(before, after)
}

// compareUnharmed compares with what was before the first kill: it sees what
// came after the look that followed its kill.
func (p *play) compareUnharmed(ctx context.Context) error {
	var seen []string
	for _, player := range p.stage.players() {
		change, err := p.compare(ctx, player, p.unharmed[player])
		if err != nil {
			return fmt.Errorf("%s, since before the first kill: %w", player.name, err)
		}
		seen = append(seen, change)
	}
	p.report.step("kill", "both directions went on; attempts since before the first kill: %s", strings.Join(seen, ", "))
	return nil
}
