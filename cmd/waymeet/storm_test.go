package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/transport/store"
)

// long asks for the storm of make chaos, and for the facts of make converge.
var long = flag.Bool("long", false, "a storm of a minute, held to its figures; 50 000 facts at each node")

const (
	stormRate = 100 // kills a second
	// stormIntensity replaces 3 restarts a minute: a storm is to hit restarts,
	// not the giving up.
	stormIntensity = 1 << 20
	// stormStreams is how many streams run between the victim and each peer, each
	// in both directions.
	stormStreams = 4
	// stormAtMost is how long the short form lasts where a busy machine cannot keep
	// the rate: until everybody was killed once.
	stormAtMost = 2 * time.Minute
	// stormPace is what a stream of the long form carries in each direction.
	stormPace = 2_000_000
	// What the long form is held to.
	minKillsPerPath = 200
	minRatio        = 0.85
	maxP99Millis    = 5
	maxBareRatio    = 5
)

// TestStorm: every actor of a node but the root is killed in turn, a hundred a
// second, while 8 streams run between it and two peers: real sockets, real
// processes. No byte is lost, all hashes are equal, everybody is back, and
// nothing is left over.
//
// The long form also measures, in two spells of which each has a quiet flow
// before and after its storm. In the first the streams leave the machine room to
// breathe: there recovery is held against that of bare protoactor, meanwhile and
// in the same process. In the second they take all that there is: there what the
// storm costs shows in the throughput.
func TestStorm(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute)
	defer cancel()
	s := newStormStage(t, "victim", "one", "two")
	s.start(ctx)
	s.meet(ctx, waymeet.PathDirect)
	t.Logf("%d kills a second; intensity %d restarts a minute, not 3; %d peers, %d streams each, both ways",
		stormRate, stormIntensity, len(s.peers), stormStreams)
	var spells []spell
	switch {
	case *long:
		spells = append(spells, s.spell(ctx, 10*time.Second, time.Minute, stormPace))
		spells = append(spells, s.spell(ctx, 15*time.Second, 20*time.Second, 0))
		checkFigures(t, spells[0], spells[1])
	case testing.Short():
		spells = append(spells, s.spell(ctx, time.Second, 2*time.Second, 0))
	default:
		spells = append(spells, s.spell(ctx, time.Second, 6*time.Second, 0))
	}
	s.checkTogether(ctx)
	s.checkEnd()

	var lost uint64
	for _, one := range spells {
		lost += one.lost()
	}
	main, full := spells[0], spells[len(spells)-1]
	fmt.Printf("chaos: kills=%d lost=%d ratio=%.2f p50_ms=%.2f p99_ms=%.2f\n",
		main.storm.Kills, lost, full.ratio(), main.storm.P50Millis, main.storm.P99Millis)
}

// spell is a flow before, in and after a storm.
type spell struct {
	before, during, after flowResult
	storm                 waymeet.StormStatus
	bare                  bareResult
}

func (w spell) lost() uint64 { return w.before.Lost + w.during.Lost + w.after.Lost }

// ratio is the throughput in the storm against that of the quiet flows.
func (w spell) ratio() float64 {
	quiet := w.before
	quiet.Bytes += w.after.Bytes
	quiet.Seconds += w.after.Seconds
	return perSecond(w.during) / perSecond(quiet)
}

// perSecond is megabytes a second.
func perSecond(r flowResult) float64 { return float64(r.Bytes) / 1e6 / max(r.Seconds, 1e-9) }

// spell lets a storm of that length break out over a flow at that pace, and
// checks what must hold always.
func (s *stormStage) spell(ctx context.Context, quiet, length time.Duration, p pace) spell {
	w := spell{before: s.flow(ctx, quiet, p)}
	flowing := make(chan flowResult, 1)
	go func() { flowing <- s.flow(ctx, length+time.Second, p) }()
	time.Sleep(500 * time.Millisecond) // the streams are open
	w.storm, w.bare = s.storm(ctx, length)
	w.during = <-flowing
	s.checkStorm(ctx, w.storm)
	w.after = s.flow(ctx, quiet, p)
	for when, flow := range map[string]flowResult{"before": w.before, "during": w.during, "after": w.after} {
		if flow.Bytes == 0 || flow.Lost != 0 || flow.Unequal != 0 || len(flow.Errors) != 0 {
			s.t.Errorf("%s the storm: %+v", when, flow)
		}
	}
	how := "as fast as they can"
	if p > 0 {
		how = fmt.Sprintf("at %s/s each way", size(uint64(p)))
	}
	fmt.Printf("streams %s: %.0f MB/s before, %.0f in, %.0f after the storm of %v, ratio %.2f; bare protoactor is back after p50 %.2f ms, p99 %.2f ms\n",
		how, perSecond(w.before), perSecond(w.during), perSecond(w.after), length, w.ratio(), w.bare.P50Millis, w.bare.P99Millis)
	if err := printStorm(os.Stdout, w.storm.ByPath); err != nil {
		s.t.Error(err)
	}
	return w
}

// checkFigures holds the long form to its figures.
func checkFigures(t *testing.T, paced, full spell) {
	for path, actor := range paced.storm.ByPath {
		if actor.Kills < minKillsPerPath && !strings.HasPrefix(path, handshakers) {
			t.Errorf("%s was killed only %d times", path, actor.Kills)
		}
	}
	if paced.ratio() < minRatio || full.ratio() < minRatio {
		t.Errorf("throughput in the storm is %.2f and %.2f of the quiet one", paced.ratio(), full.ratio())
	}
	if p99, bare := paced.storm.P99Millis, paced.bare.P99Millis; p99 >= maxP99Millis && p99 > maxBareRatio*bare {
		t.Errorf("recovery p99 is %.2f ms, that of bare protoactor %.2f ms", p99, bare)
	}
}

// stormStage holds the processes of a storm: a relay, the victim and its peers.
type stormStage struct {
	t     *testing.T
	dir   string
	relay *process

	victim *player
	peers  []*player
	// killed are those whose actors are killed.
	killed []*player
	// link is the only way to the relay; nil: it is reached directly.
	link *link
}

func newStormStage(t *testing.T, victim string, peers ...string) *stormStage {
	dir, err := stageDir()
	if err != nil {
		t.Fatal(err)
	}
	s := &stormStage{t: t, dir: dir, victim: &player{name: victim}}
	for _, name := range peers {
		s.peers = append(s.peers, &player{name: name})
	}
	s.killed = []*player{s.victim}
	t.Cleanup(func() {
		for _, p := range s.processes() {
			if p != nil && p.alive() == nil {
				p.kill()
			}
		}
		if t.Failed() {
			t.Log("the logs are in", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return s
}

func (s *stormStage) players() []*player { return append([]*player{s.victim}, s.peers...) }

// processes in the order in which they are to end.
func (s *stormStage) processes() (all []*process) {
	for _, p := range s.players() {
		all = append(all, p.process)
	}
	return append(all, s.relay)
}

func (s *stormStage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func program(t *testing.T, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *stormStage) start(ctx context.Context) {
	var err error
	s.relay, err = startProcess(ctx, program(s.t, "waymeet"), s.dir, "relay", "relay ", "relay", "--state", filepath.Join(s.dir, "relay"), "--listen", "127.0.0.1:0")
	s.must(err)
	relay := s.relay.ready
	if s.link != nil {
		relay, err = s.link.open(relay)
		s.must(err)
		s.t.Cleanup(s.link.close)
	}
	for _, p := range s.players() {
		p.dir = filepath.Join(s.dir, p.name)
		args := []string{"--state", p.dir, "--relay", relay}
		if slices.Contains(s.killed, p) {
			args = append(args, "--intensity", fmt.Sprint(stormIntensity))
		}
		p.process, err = startProcess(ctx, program(s.t, "stormnode"), s.dir, p.name, "up ", args...)
		s.must(err)
		p.admin, err = waymeet.Connect(p.dir)
		s.must(err)
		s.t.Cleanup(p.admin.Close)
		s.must(p.id.UnmarshalText([]byte(p.process.ready)))
	}
}

// meet: the victim founds a context, the peers join, and there is a channel to
// each, on such a path.
func (s *stormStage) meet(ctx context.Context, kind waymeet.PathKind) {
	for _, p := range s.peers {
		ticket, err := s.victim.admin.Invite(ctx, waymeet.InviteRequest{})
		s.must(err)
		_, err = p.admin.Join(ctx, ticket)
		s.must(err)
	}
	s.until(ctx, "the peers are on their paths", func(victim waymeet.Status) bool {
		reached := 0
		for _, p := range victim.Peers {
			if p.State == "active" && p.Path.Kind == kind {
				reached++
			}
		}
		return reached == len(s.peers)
	})
}

func (s *stormStage) until(ctx context.Context, what string, isSo func(victim waymeet.Status) bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		status, err := s.victim.admin.Status(ctx)
		s.must(err)
		if isSo(status) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: it did not happen: %+v", what, status.Peers)
		}
	}
}

// flow lets all peers exchange bytes with the victim.
func (s *stormStage) flow(ctx context.Context, length time.Duration, p pace) (sum flowResult) {
	results := make(chan flowResult)
	for _, peer := range s.peers {
		go func() {
			result, err := order[flowResult](ctx, peer.dir, stormOrder{Length: length, Peer: s.victim.id, Streams: stormStreams, Pace: p})
			if err != nil {
				result.Errors = append(result.Errors, peer.name+": "+err.Error())
			}
			results <- result
		}()
	}
	for range s.peers {
		sum.add(<-results)
	}
	return sum
}

// storm kills the victim's actors, and beside them as many of bare protoactor
// in the same process.
func (s *stormStage) storm(ctx context.Context, length time.Duration) (last waymeet.StormStatus, bare bareResult) {
	tree, err := s.victim.admin.Actors(ctx)
	s.must(err)
	done := make(chan error, 1)
	go func() {
		var err error
		bare, err = order[bareResult](ctx, s.victim.dir, stormOrder{Length: length, Rate: stormRate, BareActors: len(tree.Actors) - 1})
		done <- err
	}()
	request := waymeet.StormRequest{Rate: stormRate, For: length}
	if !*long {
		request.For = max(length, stormAtMost)
	}
	news, err := s.victim.admin.Storm(ctx, request)
	s.must(err)
	calmed := *long
	for last = range news {
		if !calmed && last.Millis >= length.Milliseconds() && len(spared(tree, last)) == 0 {
			calmed = true
			s.must(s.victim.admin.Calm(ctx))
		}
		if *long && !last.Over {
			fmt.Printf("%3d s  %5d kills of %d actors, back after p50 %.2f ms, p99 %.2f ms\n", last.Millis/1000, last.Kills, len(last.ByPath), last.P50Millis, last.P99Millis)
		}
	}
	s.must(<-done)
	return last, bare
}

// spared are who was never killed, without those who live for milliseconds.
func spared(tree waymeet.ActorTree, storm waymeet.StormStatus) (paths []string) {
	for _, actor := range tree.Actors {
		if actor.Path != "/" && storm.ByPath[actor.Path].Kills == 0 && !strings.HasPrefix(actor.Path, handshakers) {
			paths = append(paths, actor.Path)
		}
	}
	return paths
}

// checkStorm: it lasted to its end, everybody was hit, and nobody is lost.
func (s *stormStage) checkStorm(ctx context.Context, storm waymeet.StormStatus) {
	if !storm.Over || len(storm.Lost) != 0 {
		s.t.Errorf("over: %v, not back: %q", storm.Over, storm.Lost)
	}
	tree, err := s.victim.admin.Actors(ctx)
	s.must(err)
	if paths := spared(tree, storm); len(paths) != 0 {
		s.t.Errorf("never killed: %q", paths)
	}
	for _, actor := range tree.Actors {
		if actor.State != "up" && !strings.HasPrefix(actor.Path, handshakers) {
			s.t.Errorf("%s is %s", actor.Path, actor.State)
		}
	}
}

// checkTogether: all hold the same facts afterwards, over the channels that
// were there.
func (s *stormStage) checkTogether(ctx context.Context) {
	s.until(ctx, "all hold the same facts", func(victim waymeet.Status) bool {
		for _, p := range s.peers {
			status, err := p.admin.Status(ctx)
			s.must(err)
			if len(status.Contexts) != 1 || len(victim.Contexts) != 1 || status.Contexts[0] != victim.Contexts[0] {
				return false
			}
		}
		return true
	})
}

// checkEnd: every process ends by itself, cleanly and with no goroutine left,
// and leaves no half file and no lock.
func (s *stormStage) checkEnd() {
	for _, p := range s.processes() {
		took, err := p.terminate(patience)
		if err != nil {
			s.t.Error(err)
		}
		s.t.Logf("%s ended within %v", p.name, took.Round(time.Millisecond))
	}
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".sock") || err == nil && !entry.IsDir() && strings.Contains(path, "/received/") {
			err = errors.Join(err, fmt.Errorf("%s is left over", path))
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
	for _, p := range s.players() {
		lock, err := store.Directory(p.dir).Lock()
		if err != nil {
			s.t.Error(err)
			continue
		}
		s.must(lock.Release())
	}
}
