package rendezvous

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/guard"
)

// Establish is what a handshaker needs to know once an operation was allowed:
// with whom, which key the other end must show, and which two descriptors the
// prologue binds (SPEC 7.1).
type Establish struct {
	Peer    messages.AuthorityID
	PeerKey messages.PublicKey
	// Local and Remote are the descriptors of the two ends that the hello
	// names.
	Local, Remote DescriptorRecord
	// Epoch is the epoch whose PSK and hello key are used: the newest one that
	// both ends can be known to hold.
	Epoch messages.Epoch
	// CatchUp says that the handshake may only give a channel for syncing
	// (SPEC 7.8), and Reason why.
	CatchUp bool
	Reason  string
}

// PrepareEstablishChannel prepares to call a peer over one kind of path:
// charge, then SendHandshake. The Establish is filled as far as the rules got.
//
// SPEC 6.2: "Establish checks, in order: the newest descriptor of that peer in
// that context, not revoked, key matches, commitment matches under the psk
// root of the fact's epoch, path is one it advertises."
func (s RendezvousService) PrepareEstablishChannel(
	snapshot messages.GuardSnapshot, view *View, peer messages.AuthorityID, path messages.PathKind,
) (messages.GuardOutcome, Establish) {
	operation, known := connectOver[path]
	if !known {
		return refuse(fmt.Sprintf("there is no path of the kind %d", path)), Establish{}
	}
	remote, published := view.Descriptors[peer]
	local, reason := view.nameToward(peer)
	if !published {
		reason = fmt.Sprintf("%s has no descriptor in this context", peer.Short())
	}
	// A peer that has missed epochs still opens the hellos of the epoch in which
	// it wrote the descriptor that we hold.
	epoch := view.Epoch
	if published && epoch.After(remote.Epoch) {
		epoch = remote.Epoch
	}
	establish, outcome := s.examine(snapshot, view, peer, path, handshake{epoch, local, remote}, reason)
	if !outcome.Decision.Allowed() {
		return outcome, establish
	}
	return guard.Evaluate(snapshot, guard.Request{
		Operation: operation,
		Peer:      peer,
		Sends:     []messages.EffectCommand{messages.SendHandshake{Peer: peer}},
	}), establish
}

// PrepareHandleHandshake decides whether a hello of another member is
// answered. It costs no Diffie-Hellman, and a refusal is silence.
//
// SPEC 6.2: "The responder checks the initiator's descriptor in the same way.
// PrepareHandleHandshake only evaluates (a refusal is silence; its one effect
// is SendHandshakeResponse, uncharged, bounded by 6.3)".
func (s RendezvousService) PrepareHandleHandshake(
	snapshot messages.GuardSnapshot, view *View, hello messages.Hello,
) (messages.GuardOutcome, Establish) {
	local, remote, reason := view.namedBy(hello)
	establish, outcome := s.examine(snapshot, view, hello.Sender, anyPath, handshake{hello.Epoch, local, remote}, reason)
	if !outcome.Decision.Allowed() {
		return outcome, establish
	}
	// Who could not pay for the cheapest channel is not answered at all: it
	// would only be closed a moment later. A catch-up channel is paid for when
	// it becomes Active.
	accepted := guard.Evaluate(snapshot, guard.Request{
		Operation: guard.AcceptDirect, Peer: hello.Sender,
		Facts: []messages.RendezvousFact{messages.ChannelEstablished{}},
	})
	if !accepted.Decision.Allowed() {
		return accepted, establish
	}
	return guard.Evaluate(snapshot, guard.Request{
		Operation: guard.AnswerHandshake,
		Peer:      hello.Sender,
		Sends:     []messages.EffectCommand{messages.SendHandshakeResponse{Peer: hello.Sender}},
	}), establish
}

// PrepareHandleCompletion prepares to record a channel whose handshake is
// complete and confirmed by the first valid data datagram. Both ends call it:
// the initiator has paid when it connected, the responder pays now. A refusal
// closes the channel with the decision's reason.
func (s RendezvousService) PrepareHandleCompletion(
	snapshot messages.GuardSnapshot, view *View, e messages.ChannelEstablished, path messages.PathKind,
) messages.GuardOutcome {
	if reason := s.foreign(snapshot, view); reason != "" {
		return refuse(reason)
	}
	operation, peer := guard.CompleteChannel, e.Responder
	if e.Responder == s.local {
		peer = e.Initiator
		if operation = acceptOver[path]; operation == 0 {
			return refuse(fmt.Sprintf("there is no path of the kind %d", path))
		}
	} else if e.Initiator != s.local {
		return refuse("the channel is one of others")
	}
	_, member := view.memberKey(peer)
	switch {
	case peer == s.local:
		return refuse("a channel with oneself")
	case !member:
		return refuse(fmt.Sprintf("%s is no longer a member of this context", peer.Short()))
	case e.Epoch != view.Epoch:
		return refuse(fmt.Sprintf("the handshake was of epoch %d, the context is in epoch %d", e.Epoch, view.Epoch))
	case e.Channel.IsZero() || e.Transcript == [32]byte{}:
		return refuse("the handshake left no channel id or no transcript")
	}
	return guard.Evaluate(snapshot, guard.Request{
		Operation: operation, Peer: peer, Facts: []messages.RendezvousFact{e},
	})
}

// anyPath stands for the path of a hello: it came, however it came.
const anyPath messages.PathKind = 0

var (
	connectOver = map[messages.PathKind]guard.Operation{
		messages.PathDirect: guard.ConnectDirect, messages.PathRelay: guard.ConnectRelay,
	}
	acceptOver = map[messages.PathKind]guard.Operation{
		messages.PathDirect: guard.AcceptDirect, messages.PathRelay: guard.AcceptRelay,
	}
)

// handshake is what a hello names: under which epoch, and which descriptors.
type handshake struct {
	epoch         messages.Epoch
	local, remote DescriptorRecord
}

// examine applies the rules to what a handshake names. missing is why one of
// the descriptors could not be found at all, or "".
func (s RendezvousService) examine(
	snapshot messages.GuardSnapshot, view *View, peer messages.AuthorityID, path messages.PathKind,
	h handshake, missing string,
) (Establish, messages.GuardOutcome) {
	e := Establish{Peer: peer, Local: h.local, Remote: h.remote, Epoch: h.epoch}
	if reason := s.foreign(snapshot, view); reason != "" {
		return e, refuse(reason)
	}
	key, member := view.memberKey(peer)
	if !member || peer == s.local {
		return e, refuse(fmt.Sprintf("%s is not another member of this context", peer.Short()))
	}
	e.PeerKey = key
	if missing != "" {
		return e, refuse(missing)
	}
	own, _ := view.memberKey(s.local)
	for _, x := range [...]examined{{view, h.remote, key, path}, {view, h.local, own, anyPath}} {
		for _, rule := range establishRules {
			if reason := rule(x); reason != "" {
				return e, refuse(fmt.Sprintf("the descriptor of %s %s", x.record.Descriptor.Authority.Short(), reason))
			}
		}
	}
	if reason := tooOld(view, snapshot.Now, h); reason != "" {
		return e, refuse(reason)
	}
	e.Reason = outOfDate(view, snapshot.Now, h)
	e.CatchUp = e.Reason != ""
	return e, messages.GuardOutcome{}
}

// examined is one descriptor under the rules: whose key it must carry, and
// over what it is meant to be reached.
type examined struct {
	view   *View
	record DescriptorRecord
	key    messages.PublicKey
	path   messages.PathKind
}

// establishRules stand in the order of SPEC 6.2, the versions of SPEC 7.7
// last. Each returns why it refuses, or "".
var establishRules = [...]func(examined) string{
	examined.isRevoked, examined.hasOtherKey, examined.hasOtherCommitment, examined.lacksPath, examined.hasOtherMajor,
}

func (x examined) isRevoked() string {
	if x.record.Revoked {
		return "is revoked"
	}
	return ""
}

func (x examined) hasOtherKey() string {
	d := x.record.Descriptor
	if d.PublicKey != x.key || d.PublicKey.Authority() != d.Authority || d.Context != x.view.Context {
		return "does not carry the key that the roster gives"
	}
	return ""
}

func (x examined) hasOtherCommitment() string {
	if !commitmentMatches(x.view, x.record) {
		return fmt.Sprintf("does not commit to the secret of epoch %d as we hold it", x.record.Epoch)
	}
	return ""
}

func (x examined) lacksPath() string {
	if x.path != anyPath && !advertises(x.record.Descriptor, x.path) {
		return "advertises no " + x.path.String() + " path"
	}
	return ""
}

// SPEC 7.7: "Majors must match, the lower minor rules (both are known from the
// descriptors before the first byte)."
func (x examined) hasOtherMajor() string {
	if major := x.record.Descriptor.Version.Major; major != messages.CurrentVersion.Major {
		return fmt.Sprintf("is of protocol version %d, and we speak %d: one of the two must be updated",
			major, messages.CurrentVersion.Major)
	}
	return ""
}
