package actors

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/transport/filedrop"
	"github.com/waymeet/waymeet/transport/quicx"
)

// SentFile is what a peer acknowledged.
type SentFile struct {
	Peer     messages.AuthorityID
	StoredAs string
	SHA256   string
	Bytes    uint64
	Took     time.Duration
}

// SendFile streams a file to a peer and returns when the peer has stored it,
// durable, and both ends hashed the same bytes.
func (n *Node) SendFile(ctx context.Context, pair Pair, name string, size uint64, content io.Reader) (SentFile, error) {
	line, err := n.awaitChannel(ctx, pair)
	if problem := (messages.Problem{}); errors.As(err, &problem) {
		return SentFile{}, err // who ended the wait says why
	}
	if err != nil {
		return SentFile{}, messages.Problem{
			Code: messages.ExitWaiting, What: "cannot send to " + pair.Peer.Short(),
			Whose: "there is no channel to the peer", Hint: "see `waymeet status`, and whether the peer is online",
		}
	}
	begun := time.Now()
	stream, err := line.OpenStream(ctx, messages.FileProtocol)
	if err != nil {
		return SentFile{}, sendProblem(pair, name, err)
	}
	sent, err := filedrop.Send(ctx, stream, filedrop.Outgoing{Name: name, Size: size, Content: content})
	if err != nil {
		return SentFile{}, sendProblem(pair, name, err)
	}
	return SentFile{
		Peer: pair.Peer, StoredAs: sent.Name, SHA256: hex.EncodeToString(sent.Hash[:]),
		Bytes: sent.Size, Took: time.Since(begun),
	}, nil
}

func sendProblem(pair channel.Pair, name string, err error) error {
	var problem messages.Problem
	if errors.As(err, &problem) {
		return problem
	}
	hint := "send it again"
	var refused *filedrop.RefusedError
	switch {
	case errors.Is(err, filedrop.ErrName), errors.As(err, &refused) && refused.Reason == messages.FileNameBad:
		hint = "rename it: at most 200 bytes of UTF-8, no leading dot, no backslash, nothing that does not print"
	case errors.As(err, &refused):
		hint = "ask the peer to make room, or send it later"
	}
	return messages.Problem{
		Code: messages.ExitFailed, What: "sending " + messages.Printable(name) + " to " + pair.Peer.Short() + " failed",
		Whose: messages.Printable(err.Error()), Hint: hint,
	}
}

// receiveFile stores a file that a peer sends. Bytes do not pass through any
// actor, so no kill of one can lose them.
func (n *Node) receiveFile(pair channel.Pair, stream *quicx.Stream) {
	sender := filedrop.Sender(pair.Context.String() + " " + pair.Peer.String())
	began := n.running.start(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer context.AfterFunc(n.closing, cancel)()
		file, err := n.inbox.Receive(ctx, sender, stream)
		if err != nil {
			n.log.Info("file not received", "peer", pair.Peer.Short(), "reason", err)
			return
		}
		n.publish(messages.Event{
			Kind: messages.EventFileReceived, Context: pair.Context, Peer: pair.Peer,
			File: file.Name, Bytes: file.Size,
		})
	})
	if !began {
		stream.Reset(resetBusy)
	}
}
