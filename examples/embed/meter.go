package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/supervision"
)

// meterMessage is the inbox of the meter.
type meterMessage interface{ meterMessage() }

type (
	// look: it is time to look at the tree again.
	look struct{}
	// roomDown: a life of the room has ended.
	roomDown struct{ supervision.Down }
	// read: what do you show?
	read struct{ reply supervision.Reply[readings] }
)

func (look) meterMessage()     {}
func (roomDown) meterMessage() {}
func (read) meterMessage()     {}

// readings are what the meter shows. A program that exports metrics would set
// its gauges and counters here.
type readings struct {
	totals  supervision.Totals
	peak    int      // most messages that waited in all mailboxes, at any look
	crashes []string // of the room, and why: the last few
}

// keptCrashes bounds what the meter remembers.
const keptCrashes = 10

// lookEvery is how often the meter looks.
const lookEvery = time.Second

// meter is the actor that looks after the others: it monitors the room, and
// wakes up by itself now and then.
type meter struct {
	out   io.Writer
	node  *waymeet.Node
	shows readings
	// alone: the room is in quarantine, and that was said.
	alone bool
}

func meterChild(out io.Writer, node *waymeet.Node) supervision.Child {
	return supervision.WorkerSpec[meterMessage]{
		Name: "meter",
		New:  func() supervision.Actor[meterMessage] { return &meter{out: out, node: node} },
	}.Child()
}

// Start implements supervision.Actor.
func (m *meter) Start(c *supervision.Context[meterMessage]) error {
	c.Monitor("/host/room", func(d supervision.Down) meterMessage { return roomDown{d} })
	c.WakeAt(c.Now(), look{})
	return nil
}

// Receive implements supervision.Actor.
func (m *meter) Receive(c *supervision.Context[meterMessage], message meterMessage) {
	switch message := message.(type) {
	case look:
		m.look()
		c.WakeAt(c.Now().Add(lookEvery), look{})
	case roomDown:
		m.shows.crashes = append(m.shows.crashes, message.Reason.Error())
		m.shows.crashes = m.shows.crashes[max(0, len(m.shows.crashes)-keptCrashes):]
		m.look()
	case read:
		m.look()
		shows := m.shows
		shows.crashes = slices.Clone(shows.crashes) // what is sent is not written any more
		message.reply.Send(shows)
	}
}

// Stop implements supervision.Actor.
func (*meter) Stop(*supervision.Context[meterMessage]) {}

func (m *meter) look() {
	report := m.node.Report()
	waiting := 0
	for _, actor := range report.Actors {
		waiting += actor.Mailbox
		if actor.Path == "/host/room" {
			m.watchRoom(actor.State)
		}
	}
	m.shows.totals, m.shows.peak = report.Totals, max(m.shows.peak, waiting)
}

// watchRoom says when the room is left alone for a while: what is told to it
// waits meanwhile, and nobody would know why it is silent.
func (m *meter) watchRoom(state supervision.State) {
	quarantined := state == supervision.StateQuarantined
	if quarantined && !m.alone {
		fmt.Fprintln(m.out, "the room crashes and crashes: it is left alone for a minute or so, and lines wait")
	}
	m.alone = quarantined
}
