package rendezvoustest

import (
	"github.com/waymeet/waymeet/messages"
)

// flow plays QUIC: frames arrive in order and once, whatever is lost.
type flow struct {
	line *line
	// unacked are the frames after the n-th, which was acknowledged last.
	unacked []frame
	acked   uint64
	// taken is the last frame of the peer that came in order; early are later
	// ones.
	taken uint64
	early map[uint64]frame
	// repeats counts the timeouts in a row; armed: a timer runs.
	repeats int
	armed   bool
}

// push sends a frame, and again until it is acknowledged.
func (f *flow) push(x frame) {
	if f.line.closed || !f.line.keyed {
		return
	}
	f.unacked = append(f.unacked, x)
	f.line.send(piece{f.acked + uint64(len(f.unacked)), x})
	f.arm()
}

// arm plans the next repetition of all that is not acknowledged.
func (f *flow) arm() {
	if f.armed {
		return
	}
	f.armed = true
	wait := min(firstRepeat<<min(f.repeats, 8), lastRepeat)
	f.line.after(wait, func() {
		f.armed = false
		if len(f.unacked) == 0 {
			return
		}
		f.repeats++
		for i, x := range f.unacked {
			f.line.send(piece{f.acked + uint64(i) + 1, x})
		}
		f.arm()
	})
}

func (f *flow) acknowledged(n uint64) {
	if n <= f.acked {
		return
	}
	f.unacked = f.unacked[min(n-f.acked, uint64(len(f.unacked))):]
	f.acked, f.repeats = n, 0
}

// repeatLast sends the last frame again, if one is not acknowledged.
func (f *flow) repeatLast() bool {
	if len(f.unacked) == 0 {
		return false
	}
	for i, x := range f.unacked {
		f.line.send(piece{f.acked + uint64(i) + 1, x})
	}
	return true
}

// take hands on a frame that is the next one, with those that follow it and
// have overtaken it.
func (f *flow) take(p piece) {
	if p.n <= f.taken {
		if f.line.process.world.defect == RepeatBytes {
			f.line.takeFrame(p.frame)
		}
		return
	}
	if f.early == nil {
		f.early = map[uint64]frame{}
	}
	f.early[p.n] = p.frame
	for next, there := f.early[f.taken+1]; there; next, there = f.early[f.taken+1] {
		f.taken++
		delete(f.early, f.taken)
		f.line.takeFrame(next)
	}
}

// frame is what a line carries.
type frame interface{ frame() }

type (
	// finish ends QUIC's handshake.
	finish struct{}
	// controlFrame goes on the control stream: a messages.Coordination.
	controlFrame struct{ bytes string }

	openStream struct {
		id       streamID
		protocol string
	}
	streamBytes struct {
		id    streamID
		bytes string
	}
	closeStream struct{ id streamID }
)

func (finish) frame()       {}
func (controlFrame) frame() {}
func (openStream) frame()   {}
func (streamBytes) frame()  {}
func (closeStream) frame()  {}

// streamID numbers the streams of each end.
type streamID struct {
	initiator bool
	n         uint32
}

// takeFrame handles the next frame of the peer.
func (l *line) takeFrame(x frame) {
	switch f := x.(type) {
	case finish:
		l.isUp()
		return
	case controlFrame:
		if c, err := messages.ParseCoordination([]byte(f.bytes)); err == nil {
			l.tellPair(c)
		}
		return
	}
	if l.allowed == nil {
		l.held = append(l.held, x)
		return
	}
	l.takeStreamFrame(x)
}
