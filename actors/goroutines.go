package actors

import "sync"

// goroutines are those that the node owns: what blocks and belongs to no actor.
// They end by themselves when the lines close, or with Node.closing.
type goroutines struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// start runs a goroutine, unless the node is stopping; false says so.
func (g *goroutines) start(run func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.running.Go(run)
	}
	return !g.closed
}

// close lets nothing begin any more.
func (g *goroutines) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// wait returns when all have ended; close comes before it.
func (g *goroutines) wait() { g.running.Wait() }
