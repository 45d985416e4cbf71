package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/messages"
)

// disturbance is what two nodes go through while they write.
type disturbance struct {
	facts int // appended at each
	cuts  int // of the link between them
	kills int // of a JournalSyncActor, in turn at each
	// short and long are how long the link is cut: every tenth time for long,
	// after which a relay session is given up.
	short, long time.Duration
}

const (
	// syncActors are the JournalSyncActors of a node.
	syncActors = "/contexts/*/sync"
	// betweenKills is how long a JournalSyncActor lives at least.
	betweenKills = 50 * time.Millisecond
	// convergeWithin is how long equal sets may take after the last cut.
	convergeWithin = 2 * time.Minute
)

// TestConverge: two nodes in processes of their own write facts into one
// context while the link between them is cut and restored and the
// JournalSyncActors are killed. Then both hold the same facts, and have the same
// on disk: every one that was acknowledged, and no other.
func TestConverge(t *testing.T) {
	d := disturbance{facts: 500, cuts: 5, kills: 10, short: 200 * time.Millisecond, long: 200 * time.Millisecond}
	if *long {
		d = disturbance{facts: 50_000, cuts: 50, kills: 100, short: 500 * time.Millisecond, long: 12 * time.Second}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	s := newStormStage(t, "one", "two")
	s.link = &link{}
	s.killed = s.players()
	s.start(ctx)
	for _, p := range s.players() {
		s.must(p.admin.HoldRelay(ctx, true)) // so that there is no way but the link
	}
	s.meet(ctx, waymeet.PathRelay)

	began := time.Now()
	written, kills := s.disturb(ctx, d)
	quiet := time.Now()
	facts, since := s.awaitEqual(ctx)
	fmt.Printf("%d facts appended at %.0f facts/s at each of two nodes, equal %.1f s after the last one\n",
		written.Facts, float64(written.Facts)/written.Seconds, time.Since(quiet).Seconds())
	for _, p := range s.players() {
		fmt.Printf("%s: %s\n", p.name, memoryOf(p.process.cmd.Process.Pid))
	}
	s.stop()
	s.checkDisks(d, facts, since)
	equal := s.checkExports()
	if dropped := s.link.dropped.Load(); dropped == 0 {
		t.Error("the link lost nothing: it was not cut")
	}
	fmt.Printf("converge: facts=%d cuts=%d kills=%d equal=%v seconds=%.1f\n", facts, d.cuts, kills, equal, time.Since(began).Seconds())
}

// disturb lets both nodes write while it cuts the link and kills, in as many
// rounds as there are kills.
func (s *stormStage) disturb(ctx context.Context, d disturbance) (written appended, kills int) {
	cuts := 0
	for round := range d.kills {
		length := betweenKills
		if due := d.cuts * (round + 1) / d.kills; cuts < due {
			cuts = due
			s.link.isCut.Store(true)
			length = d.short
			if cuts%10 == 0 {
				length = d.long
			}
		}
		pause := time.After(length)
		results := make(chan appended)
		for _, p := range s.players() {
			go func() {
				share := d.facts*(round+1)/d.kills - d.facts*round/d.kills
				result, err := order[appended](ctx, p.dir, stormOrder{Facts: share})
				if err != nil {
					result.Errors = append(result.Errors, err.Error())
				}
				results <- result
			}()
		}
		kills += s.killSync(ctx, s.players()[round%2])
		for range s.players() {
			written.add(<-results)
		}
		<-pause
		if _, equal := s.equal(ctx); equal && s.link.isCut.Load() {
			s.t.Error("what was written while the link was cut is at both nodes")
		}
		s.link.isCut.Store(false)
	}
	if len(written.Errors) != 0 || written.Facts != 2*d.facts {
		s.t.Errorf("of %d facts %d were appended: %q", 2*d.facts, written.Facts, written.Errors)
	}
	return written, kills
}

// killSync kills a JournalSyncActor, as soon as there is one.
func (s *stormStage) killSync(ctx context.Context, p *player) int {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		killed, err := p.admin.Kill(ctx, syncActors)
		if killed > 0 {
			return killed
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: no sync to kill: %v", p.name, err)
		}
	}
}

// equal reports whether both nodes hold the same facts, and how many.
func (s *stormStage) equal(ctx context.Context) (facts uint64, equal bool) {
	one, err := s.victim.admin.Status(ctx)
	s.must(err)
	two, err := s.peers[0].admin.Status(ctx)
	s.must(err)
	return one.Contexts[0].Facts, one.Contexts[0] == two.Contexts[0]
}

// awaitEqual waits until both nodes hold the same facts, and returns how many,
// and a moment before which there were no others.
func (s *stormStage) awaitEqual(ctx context.Context) (facts uint64, since time.Time) {
	for end := time.Now().Add(convergeWithin); ; time.Sleep(20 * time.Millisecond) {
		since = time.Now()
		facts, equal := s.equal(ctx)
		if equal {
			return facts, since
		}
		if since.After(end) {
			s.t.Fatalf("the facts of both nodes are not the same within %v", convergeWithin)
		}
	}
}

// stop ends both nodes.
func (s *stormStage) stop() {
	ended := make(chan error)
	for _, p := range s.players() {
		go func() {
			_, err := p.process.terminate(patience)
			ended <- err
		}()
	}
	for range s.players() {
		s.must(<-ended)
	}
}

// checkDisks compares what both have left on disk. What was equal is at both;
// a node that lives on may have published something after that, which the other
// one did not hear.
func (s *stormStage) checkDisks(d disturbance, facts uint64, since time.Time) {
	one, two := s.onDisk(s.victim), s.onDisk(s.peers[0])
	s.checkDisk(s.victim, d, one, one.beyond(two), since)
	s.checkDisk(s.peers[0], d, two, two.beyond(one), since)
	if both := len(one.facts) - len(one.beyond(two)); uint64(both) < facts {
		s.t.Errorf("both nodes held %d facts, and %d are on both disks", facts, both)
	}
}

// checkDisk checks what one of them has left, and what of it it has alone.
func (s *stormStage) checkDisk(p *player, d disturbance, disk journalOnDisk, alone []messages.Fact, since time.Time) {
	if n := disk.application[p.id]; n != d.facts {
		s.t.Errorf("%s wrote %d facts, and %d are on disk", p.name, d.facts, n)
	}
	for _, fact := range alone {
		header := fact.Header
		if header.Author != p.id || header.Type.IsApplication() || header.HLC.Millis() < messages.MillisOf(since) {
			s.t.Errorf("%s alone has fact %d of %s, a %s", p.name, header.Seq, header.Author.Short(), header.Type)
		}
	}
}

func (s *stormStage) onDisk(p *player) journalOnDisk {
	disk, err := readJournal(p.dir)
	s.must(err)
	return disk
}

// checkExports brings each what the other one exports, and compares: what one of
// them published in its last moment, the other one has by file.
func (s *stormStage) checkExports() (equal bool) {
	one, two := s.victim, s.peers[0]
	s.importInto(one, s.export(two))
	s.importInto(two, s.export(one))
	if equal = s.onDisk(one).hash == s.onDisk(two).hash && bytes.Equal(s.export(one), s.export(two)); !equal {
		s.t.Error("the journals differ")
	}
	return equal
}

// importInto reads an export into the journal of a node that has stopped.
func (s *stormStage) importInto(p *player, export []byte) {
	command := exec.Command(program(s.t, "waymeet"), "journal", "import", "--state", p.dir)
	command.Stdin = bytes.NewReader(export)
	if out, err := command.CombinedOutput(); err != nil {
		s.t.Fatalf("%s imports: %v: %s", p.name, err, out)
	}
}

// export is what `waymeet journal export` says of a node that has stopped.
func (s *stormStage) export(p *player) []byte {
	export, err := exec.Command(program(s.t, "waymeet"), "journal", "export", "--state", p.dir).Output()
	s.must(err)
	if len(export) == 0 {
		s.t.Error("an empty export")
	}
	return export
}

// memoryOf is what the kernel says of a process's memory.
func memoryOf(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return err.Error()
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "VmHWM") || strings.HasPrefix(line, "VmRSS") {
			found = append(found, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(found, ", ")
}
