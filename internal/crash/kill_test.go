package crash

import (
	"math/rand/v2"
	"testing"
	"time"
)

// SPEC 3.5: "After SIGKILL at any instant, no acknowledged record is missing."
func TestKillLosesNothing(t *testing.T) {
	t.Parallel()
	kills := pick(200, 20)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	dir, l := t.TempDir(), newLedger()
	total := 0
	for n := range kills {
		// One directory grows; in between, others are killed while they are made.
		in, of := dir, l
		if n%8 == 7 {
			in, of = t.TempDir(), newLedger()
		}
		if err := killOnce(t, random, in, of); err != nil {
			t.Fatalf("kill %d: %v", n, err)
		}
		results.kills.Add(1)
		if v := of.check(in); v.why != nil {
			results.lost.Add(int64(v.lost))
			results.damaged.Add(int64(v.damaged))
			t.Fatalf("after kill %d: %v (%d lost, %d damaged, of %d)", n, v.why, v.lost, v.damaged, len(of.facts))
		}
		if of != l {
			total += len(of.facts)
		}
	}
	total += len(l.facts)
	t.Logf("kills=%d facts=%d, the largest journal with %d", kills, total, len(l.facts))
	if len(l.facts) < kills {
		t.Errorf("only %d facts were acknowledged in %d lives", len(l.facts), kills)
	}
}

// killOnce runs one life and kills it: half of them at work, the others as they
// start or as they close.
func killOnce(t *testing.T, random *rand.Rand, dir string, l *ledger) error {
	p := prepare(t, dir, l)
	if err := p.start(l); err != nil {
		return err
	}
	within := func(most time.Duration) time.Duration { return time.Duration(random.Int64N(int64(most))) }
	switch random.IntN(4) {
	case 0:
		time.Sleep(within(100 * time.Millisecond))
	case 1:
		p.work(t)
		_ = p.stdin.Close()
		time.Sleep(within(15 * time.Millisecond))
	default:
		p.work(t)
		time.Sleep(within(80 * time.Millisecond))
	}
	return p.kill()
}

// work waits for the first words of a life.
func (p *process) work(t *testing.T) {
	t.Helper()
	select {
	case <-p.facts:
	case <-time.After(patience):
		t.Error("a writer says nothing")
	}
}
