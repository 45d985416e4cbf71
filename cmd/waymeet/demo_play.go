package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/waymeet/waymeet"
)

const (
	// stillFor and stillFlow prove a direct path: for so long the relay's count
	// stands still while so many bytes arrive.
	stillFor  = 2 * time.Second
	stillFlow = 50_000_000
	// askEvery is how often the demo looks whether something has happened.
	askEvery = 10 * time.Millisecond
)

// play is one performance: what it needs and what it has come to know.
type play struct {
	report    *report
	stage     *stage
	payload   payloads
	holdRelay bool

	context waymeet.ContextID
	streams *streams
	// unharmed is how the attempts stood before the first kill.
	unharmed map[*player]attempts
	// skipped are the acts that were not played.
	skipped []string
}

// run plays the acts in order and returns the name of the one that failed.
func (p *play) run(ctx context.Context) (act string, err error) {
	acts := []struct {
		name string
		play func(context.Context) error
		// direct acts need a direct path, or an attempt that was used to get
		// one: whoever stays on the relay skips them.
		direct bool
	}{
		{"start", p.start, false},
		{"meet", p.meet, false},
		{"sync", p.sync, false},
		{"relayed", p.relayed, false},
		{"promotion", p.promotion, true},
		{"streams", p.stream, false},
		{"direct", p.direct, true},
		{"kill actors", p.killActors, false},
		{"kill handshakers", p.killHandshakers, false},
		{"kill relay", p.killRelay, false},
		{"generations", p.generations, true},
		{"promotion again", p.promotion, true},
		{"direct again", p.direct, true},
		{"older generation", p.olderGeneration, true},
		{"end", p.end, false},
	}
	for _, act := range acts {
		if act.direct && p.holdRelay {
			p.skipped = append(p.skipped, act.name)
			continue
		}
		if err := act.play(ctx); err != nil {
			return act.name, p.explain(err)
		}
	}
	return "", nil
}

// explain prefers the cause to what follows from it: a process that died or a
// stream that broke explains why something else did not come.
func (p *play) explain(err error) error {
	if died := p.stage.alive(); died != nil {
		return fmt.Errorf("%w (%w)", died, err)
	}
	return err
}

// until asks again and again until it is so. It gives up after the limit, or
// when a stream or a process has given up.
func (p *play) until(ctx context.Context, limit time.Duration, what string, isSo func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	for {
		so, err := isSo()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		case so:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%s: it did not happen within %s", what, limit)
		}
		if err := p.unbroken(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-time.After(askEvery):
		}
	}
}

// unbroken reports what must never happen while the streams run.
func (p *play) unbroken() error {
	if p.streams != nil {
		if err := p.streams.failed(); err != nil {
			return err
		}
	}
	return p.stage.alive()
}

// start: a relay and two nodes, as processes of their own.
func (p *play) start(ctx context.Context) error {
	s := p.stage
	if err := s.startRelay(ctx, "127.0.0.1:0"); err != nil {
		return err
	}
	p.report.step("relay", "pid %d, %s", s.relay.cmd.Process.Pid, s.relayURL)
	for _, player := range s.players() {
		if err := s.startPlayer(ctx, player); err != nil {
			return err
		}
		p.report.step(player.name, "pid %d, %s", player.process.cmd.Process.Pid, player.id)
	}
	return nil
}

// meet: alice founds a context and invites, bob joins.
func (p *play) meet(ctx context.Context) error {
	joined, took, err := p.inviteAndJoin(ctx)
	if err != nil {
		return err
	}
	p.context = joined.Context
	p.report.step("join", "bob joined %s with a ticket of alice, %s", joined.Context.Short(), millis(took))
	return nil
}

func (p *play) inviteAndJoin(ctx context.Context) (waymeet.JoinResult, time.Duration, error) {
	began := time.Now()
	ticket, err := p.stage.alice.admin.Invite(ctx, waymeet.InviteRequest{Lifetime: time.Minute})
	if err != nil {
		return waymeet.JoinResult{}, 0, fmt.Errorf("invite: %w", err)
	}
	joined, err := p.stage.bob.admin.Join(ctx, ticket)
	if err != nil {
		return joined, 0, fmt.Errorf("join: %w", err)
	}
	if joined.Peer != p.stage.alice.id {
		return joined, 0, errors.New("join: the inviter is not alice")
	}
	return joined, time.Since(began), nil
}

// sync: both hold the same facts, and a channel is up on the relay.
func (p *play) sync(ctx context.Context) error {
	began := time.Now()
	var facts [2]waymeet.ContextStatus
	err := p.until(ctx, 10*time.Second, "both hold the same facts of two members", func() (bool, error) {
		for i, player := range p.stage.players() {
			status, err := player.admin.Status(ctx)
			if err != nil {
				return false, err
			}
			for _, c := range status.Contexts {
				if c.Context == p.context {
					facts[i] = c
				}
			}
		}
		return facts[0].Members == 2 && facts[0].Facts > 0 && facts[0] == facts[1], nil
	})
	if err != nil {
		return err
	}
	p.report.step("sync", "both hold %d facts of epoch %d, fingerprint %.16s, %s", facts[0].Facts, facts[0].Epoch, facts[0].Fingerprint, millis(time.Since(began)))
	if err := p.hold(ctx); err != nil {
		return err
	}
	p.tellPaths(ctx, "channel")
	return nil
}

// hold keeps both ends on the relay; release lets them find a direct path.
func (p *play) hold(ctx context.Context) error {
	if err := p.stage.holdRelay(ctx, true); err != nil {
		return err
	}
	return p.awaitPath(ctx, waymeet.PathRelay, 10*time.Second)
}

func (p *play) release(ctx context.Context) error {
	if err := p.stage.holdRelay(ctx, false); err != nil {
		return err
	}
	return p.awaitPath(ctx, waymeet.PathDirect, 20*time.Second)
}

// awaitPath waits until both ends send over that kind of path.
func (p *play) awaitPath(ctx context.Context, kind waymeet.PathKind, limit time.Duration) error {
	return p.until(ctx, limit, "both ends are on the "+kind.String()+" path", func() (bool, error) {
		for _, player := range p.stage.players() {
			_, peer, err := player.look(ctx, p.context)
			if err != nil || peer.Channel.IsZero() || peer.Path.Kind != kind {
				return false, err
			}
		}
		return true, nil
	})
}

// tellPaths reports the path of each end and why it is that one.
func (p *play) tellPaths(ctx context.Context, step string) {
	for _, player := range p.stage.players() {
		if _, peer, err := player.look(ctx, p.context); err == nil {
			p.report.step(step, "%s: %s over %s, %s; %s, attempts %s, cycle %d",
				player.name, peer.Channel.Short(), peer.Path.Kind, peer.Path.Reason, peer.Agreement, peer.Attempts, peer.Cycles)
		}
	}
}

// stream: from now on the file flows both ways, again and again.
func (p *play) stream(ctx context.Context) error {
	p.streams = startStreams(ctx, p.stage.alice, p.stage.bob, p.payload)
	for _, what := range p.payload {
		p.report.step("streams", "%s (%s, sha256 %.16s…) goes both ways, again and again", filepath.Base(what.path), size(uint64(what.size)), what.sha256)
	}
	return nil
}

// end: the streams end whole, nothing is left over, every process ends cleanly.
func (p *play) end(ctx context.Context) error {
	if err := p.streams.stop(); err != nil {
		return err
	}
	if left := p.stage.leftovers(); len(left) > 0 {
		return fmt.Errorf("files are left over: %q", left)
	}
	p.report.step("streams", "%d copies, %s, each with the sha256 that was sent", p.streams.copies(), size(uint64(p.streams.flowed())))
	var times []string
	for _, process := range []*process{p.stage.bob.process, p.stage.alice.process, p.stage.relay} {
		took, err := process.terminate(goodbyeLimit)
		if err != nil {
			return err
		}
		times = append(times, fmt.Sprintf("%s %s", process.name, millis(took)))
	}
	p.report.step("end", "SIGTERM, exit code 0: %s", strings.Join(times, ", "))
	return nil
}
