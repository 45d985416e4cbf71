package actors

import (
	"sync"

	"github.com/waymeet/waymeet/supervision"
)

// armedKills are kills that wait for an actor to come: a handshaker lives for
// milliseconds, and nobody could name it in time.
type armedKills struct {
	mu   sync.Mutex
	left map[string]int
}

// Tree is the supervision tree, for who looks into it or hurts it.
func (n *Node) Tree() *supervision.Tree { return n.tree() }

// Kill makes every actor whose path matches the pattern panic, and says how
// many that were. In a pattern '*' is any run of characters.
func (n *Node) Kill(pattern string) int { return n.tree().Kill(pattern) }

// KillNext kills the next so many lives that come to a path which matches the
// pattern, each after its first message.
func (n *Node) KillNext(pattern string, lives int) {
	n.armed.mu.Lock()
	defer n.armed.mu.Unlock()
	if n.armed.left == nil {
		n.armed.left = make(map[string]int)
	}
	n.armed.left[pattern] += lives
}

// nodeChaos is the chaos of the node's tree: the configured one, the plan that
// is followed, and the kills that are armed.
type nodeChaos struct{ *Node }

// Told implements supervision.Chaos.
func (n nodeChaos) Told(d supervision.Delivery) supervision.Fate {
	if n.config.Chaos != nil {
		if fate := n.config.Chaos.Told(d); fate != (supervision.Fate{}) {
			return fate
		}
	}
	return n.storms.injector.Told(d)
}

// At implements supervision.Chaos.
func (n nodeChaos) At(p supervision.Point) bool {
	if n.config.Chaos != nil && n.config.Chaos.At(p) || n.storms.injector.At(p) {
		return true
	}
	if p.Phase != supervision.AfterEffect {
		return false
	}
	n.armed.mu.Lock()
	defer n.armed.mu.Unlock()
	for pattern, left := range n.armed.left {
		if supervision.Match(pattern, p.Path) {
			n.armed.left[pattern]--
			if left == 1 {
				delete(n.armed.left, pattern)
			}
			return true
		}
	}
	return false
}
