package channel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// ErrEpochRegression reports an epoch older than one already seen in that
// context (SPEC 8.4).
var ErrEpochRegression = errors.New("epoch regression")

// Pair names the channel that a node holds with one peer in one context.
//
// SPEC 8.1: "One channel per (context, peer)".
type Pair struct {
	Context messages.ContextID
	Peer    messages.AuthorityID
}

// Compare orders pairs by context, then by peer.
func (p Pair) Compare(q Pair) int {
	if c := p.Context.Compare(q.Context); c != 0 {
		return c
	}
	return p.Peer.Compare(q.Peer)
}

// ChannelManager finds channels (SPEC 8.5). The channels that it returns are
// its own: who changes one changes it here. It is not safe for concurrent use.
//
// Invariants: current holds at most one channel a pair, and every channel in
// it is in channels too; no channel is ever found under another context.
type ChannelManager struct {
	channels map[messages.ChannelID]*SecureChannel
	current  map[Pair]messages.ChannelID
	epochs   map[messages.ContextID]messages.Epoch
}

// NewChannelManager is an empty one.
func NewChannelManager() *ChannelManager {
	return &ChannelManager{
		channels: make(map[messages.ChannelID]*SecureChannel),
		current:  make(map[Pair]messages.ChannelID),
		epochs:   make(map[messages.ContextID]messages.Epoch),
	}
}

// Register makes the channel the one of its pair. It returns the channel whose
// place it took, if any; that one is still found by its id, until it is over.
//
// SPEC 8.5: "Registering a second channel for a pair replaces and drains the
// first."
func (r *ChannelManager) Register(c *SecureChannel) (replaced *SecureChannel) {
	pair := Pair{c.Context, c.Remote}
	if id, held := r.current[pair]; held && id != c.Channel {
		replaced = r.channels[id]
		replaced.Draining = true
	}
	r.channels[c.Channel], r.current[pair] = c, c.Channel
	return replaced
}

// FindByContextPeer is the channel of a pair, or nil.
func (r *ChannelManager) FindByContextPeer(context messages.ContextID, peer messages.AuthorityID) *SecureChannel {
	return r.channels[r.current[Pair{context, peer}]]
}

// FindByID is the channel with that id, or nil.
func (r *ChannelManager) FindByID(id messages.ChannelID) *SecureChannel { return r.channels[id] }

// AdvanceEpoch marks the channels of the context that are of an older epoch,
// and returns those that were not marked before, in the order of their ids.
func (r *ChannelManager) AdvanceEpoch(context messages.ContextID, epoch messages.Epoch) ([]*SecureChannel, error) {
	if r.epochs[context].After(epoch) {
		return nil, fmt.Errorf("%w: %s is in epoch %d, not %d", ErrEpochRegression, context.Short(), r.epochs[context], epoch)
	}
	r.epochs[context] = epoch
	var marked []*SecureChannel
	for _, c := range r.All() {
		if c.Context == context && epoch.After(c.Epoch) && !c.NeedsRotation && !c.State.Over() {
			c.NeedsRotation = true
			marked = append(marked, c)
		}
	}
	return marked, nil
}

// Prune forgets the channels that are over and returns them, in the order of
// their ids.
func (r *ChannelManager) Prune() []*SecureChannel {
	var pruned []*SecureChannel
	for _, c := range r.All() {
		if !c.State.Over() {
			continue
		}
		pruned = append(pruned, c)
		delete(r.channels, c.Channel)
		if pair := (Pair{c.Context, c.Remote}); r.current[pair] == c.Channel {
			delete(r.current, pair)
		}
	}
	return pruned
}

// All are all channels, in the order of their ids.
func (r *ChannelManager) All() []*SecureChannel {
	all := make([]*SecureChannel, 0, len(r.channels))
	for _, c := range r.channels {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *SecureChannel) int { return a.Channel.Compare(b.Channel) })
	return all
}

func epochBytes(epoch messages.Epoch) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(epoch))
}
