package crash

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/waymeet/waymeet"
)

// The environment of a writer's process.
const (
	writerDir = "WAYMEET_TEST_WRITER_DIR"
	// writerFrom is the number of its first fact.
	writerFrom = "WAYMEET_TEST_WRITER_FROM"
	// writerFacts is how many it appends; empty: until it is told to stop.
	writerFacts = "WAYMEET_TEST_WRITER_FACTS"
	// writerRoom is how many bytes its files may have, once it has begun; empty:
	// as many as it likes.
	writerRoom = "WAYMEET_TEST_WRITER_ROOM"
)

// What a writer prints on its pipe, each line in one write, after it is true.
const (
	saidContext = "context" // ID: Found has returned, or the context was there
	saidFact    = "fact"    // ID NUMBER: Append has returned
	saidRefused = "refused" // WHY: Append or Found has failed
	saidEnded   = "ended"   // WHY: the node has stopped by itself
)

const (
	// pipe is the writer's end of the pipe.
	pipe = 3
	// writers is how many goroutines append at once.
	writers = 4
	// patience is how long anything may take that must happen.
	patience = 30 * time.Second
)

// body is the body of a fact: its number, in every size of padding and beyond
// what a page holds. Most are small.
func body(number int) []byte {
	size := 8
	if number%10 == 0 {
		size = []int{300, 600, 3000, 9000}[number/10%4]
	}
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, uint64(number)), size/8)
}

// numberOf is the number of a body; ok is false if it is none of ours.
func numberOf(b []byte) (number int, ok bool) {
	if len(b) < 8 {
		return 0, false
	}
	number = int(binary.BigEndian.Uint64(b))
	return number, bytes.Equal(b, body(number))
}

// writer is one life of a node whose host appends as fast as it can.
type writer struct {
	node *waymeet.Node
	here waymeet.Context
	pipe *os.File
	next atomic.Int64
	last int64
}

// runWriter is that life. It ends when its stdin does, or when all is written.
func runWriter(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	w := &writer{pipe: os.NewFile(pipe, "pipe")}
	from, _ := strconv.ParseInt(os.Getenv(writerFrom), 10, 64)
	w.next.Store(from)
	w.last = 1 << 62
	if facts := os.Getenv(writerFacts); facts != "" {
		n, err := strconv.ParseInt(facts, 10, 64)
		if err != nil {
			return err
		}
		w.last = from + n
	}
	loopback := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	var err error
	if w.node, err = waymeet.Start(ctx, waymeet.Config{StateDir: dir, Listen: loopback, NoAdmin: true}); err != nil {
		return err
	}
	if err := w.enter(ctx); err != nil {
		return err
	}
	if err := w.limit(os.Getenv(writerRoom)); err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that counts
		stop()
	}()
	var group sync.WaitGroup
	for range writers {
		group.Go(func() { w.append(working) })
	}
	group.Wait()
	return w.node.Stop(ctx)
}

// enter founds the context in the first life that comes so far. A host to which that
// is refused does it again.
func (w *writer) enter(ctx context.Context) error {
	if contexts := w.node.Contexts(); len(contexts) > 0 {
		w.here = contexts[0]
	} else {
		here, err := w.node.Found(ctx)
		if err != nil {
			w.say(saidRefused, err)
			here, err = w.node.Found(ctx)
		}
		if err != nil {
			return err
		}
		w.here = here
	}
	w.say(saidContext, w.here.ID())
	return nil
}

// limit lets no file of this process grow beyond so many bytes. The kernel
// would send SIGXFSZ, which Go's runtime ignores, and fails the write.
func (w *writer) limit(room string) error {
	if room == "" {
		return nil
	}
	bytes, err := strconv.ParseUint(room, 10, 64)
	if err != nil {
		return err
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes})
}

// append appends facts until it is told to stop, or may not any more. What it
// was refused, it tries once more: the journal must not take it then either.
func (w *writer) append(ctx context.Context) {
	refused := false
	for {
		number := w.next.Add(1) - 1
		if number >= w.last {
			return
		}
		fact, err := w.here.Append(ctx, waymeet.FactApplication, body(int(number)))
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			w.say(saidFact, fact, number)
		case refused:
			w.ended()
			return
		default:
			refused = true
			w.say(saidRefused, err)
		}
	}
}

// ended tells why the node has stopped by itself.
func (w *writer) ended() {
	select {
	case <-w.node.Done():
		w.say(saidEnded, w.node.Err())
	case <-time.After(patience):
		w.say(saidEnded, "never")
	}
}

func (w *writer) say(words ...any) { _, _ = w.pipe.WriteString(fmt.Sprintln(words...)) }
