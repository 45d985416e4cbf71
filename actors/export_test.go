package actors

import (
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// Inspect lists the actors of a node, supervisors too.
func (n *Node) Inspect() []supervision.ActorInfo { return n.tree().Inspect() }

// Attempts are the attempts that the transport holds something of.
func (n *Node) Attempts() []messages.AttemptID { return n.attempts.all() }

// Kill kills the actors of a relay.
func (r *Relay) Kill(pattern string) int { return r.tree.Kill(pattern) }
