package mux

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// ErrNotReady is returned for what needs the keys of the channel before Install.
var ErrNotReady = errors.New("mux: the link has no data keys yet")

// sink is the sending half of a socket. write sends datagrams of the given
// size, the last perhaps shorter, with quic-go's control messages.
type sink interface {
	write(b []byte, size int, to netip.AddrPort, oob []byte) error
}

// sealBuffer is where datagrams are sealed: quic-go's largest burst is 20 KiB
// of packets, and each grows by an envelope and a hop header.
type sealBuffer struct {
	nonce [nonceSize]byte
	out   []byte
}

var sealBuffers = sync.Pool{New: func() any { return &sealBuffer{out: make([]byte, 0, 24<<10)} }}

// write sends QUIC packets of the given size, the last perhaps shorter. Errors
// other than "message too long" are losses: any other would make quic-go close
// the connection.
func (l *Link) write(packets []byte, size int, oob []byte) error {
	if len(packets) == 0 || size <= 0 || l.isClosed() {
		return nil
	}
	now := l.socket.now()
	l.remember(packets, size)
	r := l.routes.Load()
	err := l.writeOn(r.first, packets, size, oob, now)
	if r.second != nil {
		l.writeOn(r.second, packets, size, oob, now)
	}
	if isTooLong(err) {
		return err
	}
	return nil
}

// writeOn sends QUIC packets on one path, sealed anew for it: so that what
// comes over each path is evidence of it and no replay of the other.
func (l *Link) writeOn(t *track, packets []byte, size int, oob []byte, now moment) error {
	key := l.send.Load()
	if key == nil && !l.initiator {
		if l.wait(packets, size) {
			return nil
		}
		key = l.send.Load() // Install came between
	}
	if key == nil {
		return l.writeEarly(t.path, packets, size)
	}
	err := l.writeData(key, t.path, packets, size, oob, now)
	if t.expectAnswer(now) {
		l.socket.wakeWatcher(now.add(t.patience() / pingsBeforeSilent))
	}
	return err
}

// wait keeps a responder's packets until Install; false: Install has come.
func (l *Link) wait(packets []byte, size int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.send.Load() != nil {
		return false
	}
	for len(packets) > 0 && !l.closed && len(l.waiting) < heldPerAttempt {
		n := min(size, len(packets))
		l.waiting = append(l.waiting, append([]byte(nil), packets[:n]...))
		packets = packets[n:]
	}
	if len(packets) > 0 {
		l.socket.count.held.Add(1)
	}
	return true
}

// writeEarly sends an initiator's packets before Install. SPEC 7.2: each early
// datagram "is preceded by its hello (same bytes)".
func (l *Link) writeEarly(path Path, packets []byte, size int) error {
	buffer := sealBuffers.Get().(*sealBuffer)
	defer sealBuffers.Put(buffer)
	for len(packets) > 0 {
		packet := packets[:min(size, len(packets))]
		packets = packets[len(packet):]
		if err := l.sayHello(path); isTooLong(err) {
			return err
		}
		counter := l.earlyCounter.Add(1) - 1
		d := buffer.begin(path, kindEarly, uint32(l.attempt), counter)
		d = l.early.Seal(d, buffer.nonce[:], packet, d[hop(path):])
		l.sent(1, len(packet))
		if err := l.socket.write(d, len(d), path.Addr, nil); isTooLong(err) {
			return err
		}
	}
	return nil
}

// sayHello sends the first hello of the attempt, again and again the same.
func (l *Link) sayHello(path Path) error {
	d := make([]byte, hop(path)+len(l.hello))
	putHop(path, d)
	copy(d[hop(path):], l.hello)
	return l.socket.write(d, len(d), path.Addr, nil)
}

// writeData seals packets, or one frame of the mux, and sends them in one go.
func (l *Link) writeData(key *sendKey, path Path, packets []byte, size int, oob []byte, now moment) error {
	buffer := sealBuffers.Get().(*sealBuffer)
	defer sealBuffers.Put(buffer)
	buffer.out = buffer.out[:0]
	count := 0
	for rest := packets; len(rest) > 0; count++ {
		packet := rest[:min(size, len(rest))]
		rest = rest[len(packet):]
		buffer.seal(key, path, packet)
	}
	l.sent(count, len(packets))
	l.lastSent.Store(int64(now))
	return l.socket.write(buffer.out, size+Overhead+hop(path), path.Addr, oob)
}

// seal appends one sealed data datagram.
func (b *sealBuffer) seal(key *sendKey, path Path, packet []byte) {
	start := len(b.out)
	counter := key.counter.Add(1) - 1
	d := b.header(path, kindData, uint32(key.index), counter)
	b.out = key.aead.Seal(d, b.nonce[:], packet, d[start+hop(path):])
}

// begin starts the buffer anew with the headers of one datagram.
func (b *sealBuffer) begin(path Path, kind byte, id uint32, counter uint64) []byte {
	b.out = b.out[:0]
	return b.header(path, kind, id, counter)
}

// header returns the buffer with the headers of one more datagram, and sets its
// nonce.
func (b *sealBuffer) header(path Path, kind byte, id uint32, counter uint64) []byte {
	var head [hopSize + headerSize]byte
	hop := hop(path)
	putHop(path, head[:])
	putHeader(head[hop:], kind, id, counter)
	putNonce(&b.nonce, counter)
	return append(b.out, head[:hop+headerSize]...)
}

// sent counts what left.
func (l *Link) sent(datagrams, bytes int) {
	l.count.sent.Add(uint64(datagrams))
	l.count.bytesSent.Add(uint64(bytes))
}

// repeated is how many packets Repeat sends again. The last one may be an
// acknowledgement, which draws nothing, and the one before may have arrived.
const repeated = 4

// recent are the last packets of a link.
type recent struct {
	packets [repeated][]byte
	next    int // the oldest one's place
}

func (r *recent) add(packet []byte) {
	r.packets[r.next] = append(r.packets[r.next][:0], packet...)
	r.next = (r.next + 1) % repeated
}

// inOrder are copies of them, the oldest first.
func (r *recent) inOrder() (packets [][]byte) {
	for i := range repeated {
		if packet := r.packets[(r.next+i)%repeated]; len(packet) > 0 {
			packets = append(packets, bytes.Clone(packet))
		}
	}
	return packets
}

// remember keeps the last QUIC packets for Repeat.
func (l *Link) remember(packets []byte, size int) {
	count := (len(packets) + size - 1) / size
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := max(0, count-repeated); i < count && !l.closed; i++ {
		l.recent.add(packets[i*size : min((i+1)*size, len(packets))])
	}
}

// Repeat sends the last QUIC packets once more, newly sealed, on the path in use
// now. After a failover or a silence they draw an acknowledgement at once, where
// QUIC alone might wait for its probe timeout (SPEC 10.7).
func (l *Link) Repeat() error {
	key := l.send.Load()
	if key == nil {
		return ErrNotReady
	}
	l.mu.Lock()
	packets := l.recent.inOrder()
	l.mu.Unlock()
	for _, packet := range packets {
		l.writeData(key, l.routes.Load().first.path, packet, len(packet), nil, l.socket.now())
	}
	return nil
}

// sendFrame seals one frame of the mux and sends it on a path.
func (l *Link) sendFrame(frame []byte, path Path) error {
	key := l.send.Load()
	switch {
	case l.isClosed():
		return ErrClosed
	case key == nil:
		return ErrNotReady
	case path.IsZero():
		return fmt.Errorf("mux: no path to send on")
	}
	l.writeData(key, path, frame, len(frame), nil, l.socket.now())
	return nil
}

// writePacket is what the faces do with a packet that quic-go sends to a
// virtual address. For a link that is gone the packet is lost, and no error.
func (s *Socket) writePacket(packets []byte, size int, oob []byte, addr net.Addr) (int, error) {
	if l, ok := s.LinkAt(addr); ok {
		if err := l.write(packets, size, oob); err != nil {
			return 0, err
		}
	}
	return len(packets), nil
}
