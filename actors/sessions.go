package actors

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/quicx"
)

// queuedFrames bounds what a session may have to write; a sync machine sends
// a batch and waits for what becomes of it.
const queuedFrames = 256

// mailboxPause is how long a session waits when its actor's mailbox is full.
const mailboxPause = 5 * time.Millisecond

var errFrameTooLong = errors.New("a sync frame is longer than its limit")

// sessions are the streams of all sync sessions of the node. A session is read in
// one goroutine and written in another; both end with the stream.
type sessions struct {
	mu   sync.Mutex
	last messages.SyncSession
	open map[messages.SyncSession]*syncSession
}

type syncSession struct {
	id      messages.SyncSession
	context messages.ContextID
	stream  *quicx.Stream
	out     chan []byte
	once    sync.Once
}

// end closes the queue: what is in it is still written.
func (s *syncSession) end() { s.once.Do(func() { close(s.out) }) }

// acceptSession enters a stream that the peer opened. The actor hears of the
// session before its first frame.
func (n *Node) acceptSession(pair channel.Pair, over messages.ChannelID, stream *quicx.Stream) {
	s := n.sessions.add(pair.Context, stream)
	n.pump(s, messages.SyncOpened{Session: s.id, Peer: pair.Peer, Channel: over})
}

// pump moves the frames of a session until it ends. The actor hears of the
// session first, if it is not its own.
func (n *Node) pump(s *syncSession, opened messages.JournalSyncMessage) {
	began := n.running.start(func() {
		var writer sync.WaitGroup
		writer.Go(s.write)
		if opened == nil || n.tellSyncPatiently(s, opened) {
			n.readSession(s)
		}
		n.sessions.close(s.id) // whoever ended it: the writer ends too
		writer.Wait()
	})
	if !began {
		s.stream.Reset(0)
		n.sessions.close(s.id)
	}
}

// readSession pumps the frames of a session to the sync actor, and then its
// end: an actor that did not hear of it would hold the session, and refuse the
// peer's, until it took it for silent.
func (n *Node) readSession(s *syncSession) {
	reader := bufio.NewReader(s.stream)
	for {
		frame, err := readSyncFrame(reader)
		if err != nil {
			n.tellSyncPatiently(s, messages.SyncClosed{Session: s.id, Reason: err.Error()})
			return
		}
		if !n.tellSyncPatiently(s, messages.SyncFrame{Session: s.id, Frame: frame}) {
			return
		}
	}
}

// tellSyncPatiently waits while the mailbox is full: the stream's flow control
// then holds the peer back. False: the session is over.
func (n *Node) tellSyncPatiently(s *syncSession, m messages.JournalSyncMessage) bool {
	ref := supervision.Lookup[messages.JournalSyncMessage](n.tree(), tree.AtSync(s.context))
	for n.sessions.has(s.id) {
		err := ref.Tell(m)
		if err == nil {
			return true
		}
		if !errors.Is(err, supervision.ErrMailboxFull) {
			return false
		}
		time.Sleep(mailboxPause)
	}
	return false
}

// write writes the session's frames until the session ends; then it closes the
// stream.
func (s *syncSession) write() {
	for frame := range s.out {
		if _, err := s.stream.Write(appendSyncFrame(make([]byte, 0, 4+len(frame)), frame)); err != nil {
			break
		}
	}
	s.stream.Close()
}

// appendSyncFrame writes length 4 ‖ frame after b: that is how frames stand on
// the stream.
func appendSyncFrame(b, frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(frame))), frame...)
}

func readSyncFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || size > journal.MaxFrame {
		return nil, fmt.Errorf("%w: %d bytes", errFrameTooLong, size)
	}
	frame := make([]byte, size)
	_, err := io.ReadFull(r, frame)
	return frame, err
}

func (t *sessions) add(cx messages.ContextID, stream *quicx.Stream) *syncSession {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = make(map[messages.SyncSession]*syncSession)
	}
	t.last++
	s := &syncSession{id: t.last, context: cx, stream: stream, out: make(chan []byte, queuedFrames)}
	t.open[s.id] = s
	return s
}

func (t *sessions) find(id messages.SyncSession) (*syncSession, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.open[id]
	return s, ok
}

func (t *sessions) has(id messages.SyncSession) bool {
	_, ok := t.find(id)
	return ok
}

// send queues a frame. A session whose queue is full has a peer that does not
// read: its stream ends, and the reader says so.
func (t *sessions) send(id messages.SyncSession, frame []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.open[id]
	if !ok {
		return
	}
	select {
	case s.out <- frame:
	default:
		s.stream.Reset(0)
	}
}

// close ends a session after the frames that were sent before.
func (t *sessions) close(id messages.SyncSession) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.open[id]; ok {
		delete(t.open, id)
		s.end()
	}
}

// closeAll ends the sessions of a context at once.
func (t *sessions) closeAll(cx messages.ContextID) {
	t.endThose(func(s *syncSession) bool { return s.context == cx })
}

// endAll ends all sessions at once.
func (t *sessions) endAll() { t.endThose(func(*syncSession) bool { return true }) }

func (t *sessions) endThose(which func(*syncSession) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, s := range t.open {
		if which(s) {
			delete(t.open, id)
			s.end()
			s.stream.Reset(0)
		}
	}
}
