package relay

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// maxQueued is how much may wait for one receiver, in bytes of buffers. Beyond
// it the oldest goes: SPEC 11.4: "A slow receiver delays nobody else; queues
// drop from the head."
const maxQueued = 2 << 20

// endpoint is one address in both of the forms that are needed per datagram.
type endpoint struct {
	addr netip.AddrPort
	udp  *net.UDPAddr
}

func endpointOf(addr netip.AddrPort) *endpoint {
	return &endpoint{addr: addr, udp: net.UDPAddrFromAddrPort(addr)}
}

// unmap writes an IPv4 address that came through an IPv6 socket as IPv4.
func unmap(addr netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// burst is what one write takes: datagrams of one size, but the last, to one
// address.
type burst struct {
	to      *endpoint
	buffer  *[]byte
	length  int
	segment int
}

func (b burst) data() []byte { return (*b.buffer)[:b.length] }

// Buffers come in three sizes, so that a waiting datagram does not hold 64 KiB.
var buffers = [...]struct {
	size int
	pool *sync.Pool
}{
	{2 << 10, newPool(2 << 10)}, {16 << 10, newPool(16 << 10)}, {maxRead, newPool(maxRead)},
}

func newPool(size int) *sync.Pool {
	return &sync.Pool{New: func() any { b := make([]byte, size); return &b }}
}

func newBurst(to *endpoint, data []byte, segment int) burst {
	for _, class := range buffers {
		if len(data) <= class.size {
			b := burst{to: to, buffer: class.pool.Get().(*[]byte), length: len(data), segment: segment}
			copy(*b.buffer, data)
			return b
		}
	}
	panic("relay: a burst is larger than what one read brings")
}

func (b burst) free() {
	for _, class := range buffers {
		if len(*b.buffer) == class.size {
			class.pool.Put(b.buffer)
			return
		}
	}
}

// queue is what waits for one receiver. Its fields belong to queues.
type queue struct {
	bursts []burst
	held   int
	// waiting: the queue stands in line.
	waiting bool
}

// queues are the queues of all receivers, served in turn. push never blocks.
type queues struct {
	mu   sync.Mutex
	line []*queue
	// wake has room for one signal that the line is not empty.
	wake chan struct{}
	stop chan struct{}
	// unproved is shared by all addresses that have proved nothing.
	unproved   *queue
	overflowed atomic.Uint64
}

func newQueues() *queues {
	return &queues{wake: make(chan struct{}, 1), stop: make(chan struct{}), unproved: &queue{}}
}

func (q *queues) close() { close(q.stop) }

// push copies a run of datagrams into the receiver's queue.
func (q *queues) push(to *queue, at *endpoint, run []byte, segment int) {
	b := newBurst(at, run, segment)
	q.mu.Lock()
	defer q.mu.Unlock()
	to.bursts = append(to.bursts, b)
	to.held += len(*b.buffer)
	for to.held > maxQueued {
		oldest := to.pop()
		q.overflowed.Add(uint64((oldest.length + oldest.segment - 1) / oldest.segment))
		oldest.free()
	}
	if to.waiting {
		return
	}
	to.waiting = true
	q.line = append(q.line, to)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pushCopy queues one datagram.
func (q *queues) pushCopy(to *queue, at *endpoint, datagram []byte) {
	q.push(to, at, datagram, len(datagram))
}

func (t *queue) pop() burst {
	b := t.bursts[0]
	t.bursts = t.bursts[1:]
	t.held -= len(*b.buffer)
	if len(t.bursts) == 0 {
		t.bursts = nil
	}
	return b
}

// take waits for something to send and appends at most n bursts to batch, one
// of each receiver in turn. It appends nothing once the queues are closed.
func (q *queues) take(batch []burst, n int) []burst {
	for {
		select {
		case <-q.stop:
			return batch
		default:
		}
		if batch = q.takeNow(batch, n); len(batch) > 0 {
			return batch
		}
		select {
		case <-q.stop:
			return batch
		case <-q.wake:
		}
	}
}

func (q *queues) takeNow(batch []burst, n int) []burst {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.line) > 0 && len(batch) < n {
		first := q.line[0]
		q.line = q.line[1:]
		batch = append(batch, first.pop())
		if first.waiting = len(first.bursts) > 0; first.waiting {
			q.line = append(q.line, first)
		}
	}
	return batch
}
