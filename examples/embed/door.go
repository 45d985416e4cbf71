package main

import (
	"bufio"
	"context"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/supervision"
)

// door is the actor that waits for streams of a peer. It hears nothing, so its
// inbox has no messages: all that blocks runs in a task, which ends with the
// life that began it.
type door struct {
	peer waymeet.Peer
	room supervision.Ref[roomMessage]
}

type doorMessage interface{ doorMessage() }

func doorChild(node *waymeet.Node, peer waymeet.Peer) supervision.Child {
	// The address of the room stays good however often the room dies.
	room := waymeet.Actor[roomMessage](node, "room")
	return supervision.WorkerSpec[doorMessage]{
		Name: "door",
		New:  func() supervision.Actor[doorMessage] { return door{peer, room} },
	}.Child()
}

// Start implements supervision.Actor.
func (d door) Start(c *supervision.Context[doorMessage]) error {
	c.Task("accept", func(ctx context.Context, _ func(doorMessage)) { d.accept(ctx) })
	return nil
}

// Receive implements supervision.Actor.
func (door) Receive(*supervision.Context[doorMessage], doorMessage) {}

// Stop implements supervision.Actor.
func (door) Stop(*supervision.Context[doorMessage]) {}

// accept takes one stream after the other, until the life ends.
func (d door) accept(ctx context.Context) {
	for {
		_, stream, err := d.peer.AcceptStream(ctx)
		if err != nil {
			if ctx.Err() == nil {
				panic(err) // let the supervisor try again
			}
			return
		}
		d.read(ctx, stream)
	}
}

// read tells the room every line of a stream.
func (d door) read(ctx context.Context, stream *waymeet.Stream) {
	defer stream.Close()
	defer context.AfterFunc(ctx, func() { stream.Close() })()
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		if err := d.room.Tell(heard{lines.Text()}); err != nil {
			return // the room is full, or gone: whoever speaks notices that nobody listens
		}
	}
}
