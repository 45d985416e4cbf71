package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/waymeet/waymeet"
)

// stage holds the processes of the demo: a relay and two nodes.
type stage struct {
	// program is this very program; each process runs another verb of it.
	program  string
	dir, tap string
	report   *report

	relay      *process
	relayURL   string
	relayAdmin *waymeet.Client

	alice, bob *player
}

// player is one node of the demo.
type player struct {
	name, dir string
	process   *process
	admin     *waymeet.Client
	id        waymeet.AuthorityID

	mu     sync.Mutex
	events []waymeet.Event
}

func newStage(program, dir, tap string, report *report) *stage {
	return &stage{program: program, dir: dir, tap: tap, report: report, alice: &player{name: "alice"}, bob: &player{name: "bob"}}
}

func (s *stage) players() []*player { return []*player{s.alice, s.bob} }

// startRelay starts the relay at an address: with port 0 the first time, and
// where it was before when it comes back.
func (s *stage) startRelay(ctx context.Context, listen string) (err error) {
	dir := filepath.Join(s.dir, "relay")
	args := []string{"relay", "--state", dir, "--listen", listen, "--unsafe-debug"}
	if s.tap != "" {
		args = append(args, "--tap", s.tap)
	}
	if s.relay, err = startProcess(ctx, s.program, s.dir, "relay", "relay ", args...); err != nil {
		return err
	}
	if s.relayURL == "" {
		s.relayURL = s.relay.ready
	}
	if s.relay.ready != s.relayURL {
		return fmt.Errorf("the relay came back as %s, it was %s", s.relay.ready, s.relayURL)
	}
	if s.relayAdmin != nil {
		s.relayAdmin.Close()
	}
	s.relayAdmin, err = waymeet.Connect(dir)
	return err
}

// relayAddress is IP:PORT out of the relay's URL.
func (s *stage) relayAddress() string {
	_, address, _ := strings.Cut(s.relayURL, "@")
	return address
}

// forwarded is the relay's own count of what it forwarded, in bytes.
func (s *stage) forwarded(ctx context.Context) (uint64, error) {
	status, err := s.relayAdmin.RelayStatus(ctx)
	return status.ForwardedBytes, err
}

// startPlayer starts a node that uses the relay, and listens to its events.
func (s *stage) startPlayer(ctx context.Context, p *player) (err error) {
	p.dir = filepath.Join(s.dir, p.name)
	p.process, err = startProcess(ctx, s.program, s.dir, p.name, "up ",
		"up", "--state", p.dir, "--listen", "127.0.0.1:0", "--relay", s.relayURL, "--no-lan", "--no-portmap", "--unsafe-debug", "-v")
	if err != nil {
		return err
	}
	if p.admin, err = waymeet.Connect(p.dir); err != nil {
		return err
	}
	status, err := p.admin.Status(ctx)
	if err != nil {
		return err
	}
	p.id = status.Authority
	events, err := p.admin.Events(ctx)
	if err != nil {
		return err
	}
	go func() {
		for event := range events {
			p.remember(event)
			s.report.event(p.name, event)
		}
	}()
	return nil
}

func (p *player) remember(event waymeet.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, event)
}

// heard is how many events came so far; since lists those that came after.
func (p *player) heard() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.events)
}

func (p *player) since(mark int) []waymeet.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events[mark:len(p.events):len(p.events)]
}

// look is the player's status, and in it how it sees its peer in a context.
// While there is none yet, the peer is zero.
func (p *player) look(ctx context.Context, cx waymeet.ContextID) (status waymeet.Status, peer waymeet.PeerStatus, err error) {
	status, err = p.admin.Status(ctx)
	for _, one := range status.Peers {
		if one.Context == cx {
			peer = one
		}
	}
	return status, peer, err
}

// received is the player's folder for files.
func (p *player) received() string { return filepath.Join(p.dir, "received") }

// holdRelay keeps both ends on the relay, or lets them go: the end with the
// smaller id last, because it begins the attempts and the other must be free.
func (s *stage) holdRelay(ctx context.Context, on bool) error {
	players := s.players()
	slices.SortFunc(players, func(a, b *player) int { return b.id.Compare(a.id) })
	for _, p := range players {
		if err := p.admin.HoldRelay(ctx, on); err != nil {
			return fmt.Errorf("%s: hold-relay: %w", p.name, err)
		}
	}
	return nil
}

// alive reports which process has died by itself, if one has.
func (s *stage) alive() error {
	for _, p := range []*process{s.relay, s.alice.process, s.bob.process} {
		if p != nil {
			if err := p.alive(); err != nil {
				return err
			}
		}
	}
	return nil
}

// clear ends whatever still runs.
func (s *stage) clear() {
	for _, p := range []*process{s.relay, s.alice.process, s.bob.process} {
		if p != nil && p.alive() == nil {
			p.kill()
		}
	}
}

// leftovers lists what is still in the received folders: each copy was removed
// as soon as it was hashed, so there is nothing, half a file included.
func (s *stage) leftovers() (names []string) {
	for _, p := range s.players() {
		filepath.WalkDir(p.received(), func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				names = append(names, filepath.Join(p.name, entry.Name()))
			}
			return nil
		})
	}
	return names
}
