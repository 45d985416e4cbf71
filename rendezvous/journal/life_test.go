package journal

import (
	"math/rand/v2"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// restart loads the journal from disk in a new process, as after a crash.
func (n *node) restart(now time.Time) {
	n.t.Helper()
	n.begun, n.claims = now, Claims{}
	n.revive(now)
}

// revive loads it in the same process, as after the death of the store's actor. That
// of the sync goes with it.
func (n *node) revive(now time.Time) {
	n.t.Helper()
	config := Config{Identity: n.identity, Random: n.random, Claims: n.claims}
	if n.patience > 0 {
		config.WriteAfter = n.begun.Add(n.patience)
	}
	journal, err := Load(config, n.disk)
	if err != nil {
		n.t.Fatalf("load: %v", err)
	}
	n.journal = journal
	n.newSync()
	n.kept = nil
	n.step(now, messages.Tick{})
}

func (n *node) newSync() {
	n.sync = NewSync(SyncConfig{Random: n.random, Jitter: rand.New(rand.NewPCG(1, 2))})
}
