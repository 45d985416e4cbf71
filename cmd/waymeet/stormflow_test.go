package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
)

const (
	// stormProtocol is the protocol of the storm's streams. Who opens one first
	// says for how many nanoseconds both ends are to send, and at which pace, in 8
	// bytes each. Then both send chunks: 4 bytes of length, and so many bytes.
	// After the last one come the length 0 and 40 bytes: how many bytes all chunks
	// had, and their SHA-256. When an end has read that of the other, it answers
	// with 40 bytes: what it had read itself.
	stormProtocol = "storm/1"
	chunkSize     = 64 << 10
	// flowGrace is how long a flow may last after its time.
	flowGrace = 30 * time.Second
)

// pace is how many bytes a second an end sends; zero: as fast as it can.
type pace uint64

// tally is what went one way: so many bytes with that hash.
type tally struct {
	bytes uint64
	hash  [sha256.Size]byte
}

func (t tally) append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, t.bytes), t.hash[:]...)
}

func readTally(from io.Reader) (t tally, err error) {
	var b [8 + sha256.Size]byte
	_, err = io.ReadFull(from, b[:])
	t.bytes = binary.BigEndian.Uint64(b[:])
	copy(t.hash[:], b[8:])
	return t, err
}

// counter makes a tally.
type counter struct {
	bytes uint64
	hash  hash.Hash
}

func (c *counter) add(chunk []byte) {
	c.bytes += uint64(len(chunk))
	c.hash.Write(chunk)
}

func (c *counter) tally() tally { return tally{c.bytes, [sha256.Size]byte(c.hash.Sum(nil))} }

// flowResult is what one or several streams brought, both ways.
type flowResult struct {
	Bytes   uint64   `json:"bytes"`   // that arrived
	Lost    uint64   `json:"lost"`    // that were sent and did not arrive
	Unequal int      `json:"unequal"` // directions whose hashes differ
	Seconds float64  `json:"seconds"`
	Errors  []string `json:"errors"`
}

func (r *flowResult) add(other flowResult) {
	r.Bytes += other.Bytes
	r.Lost += other.Lost
	r.Unequal += other.Unequal
	r.Seconds = max(r.Seconds, other.Seconds)
	r.Errors = append(r.Errors, other.Errors...)
}

// compare adds one direction.
func (r *flowResult) compare(sent, arrived tally) {
	r.Bytes += arrived.bytes
	r.Lost += sent.bytes - min(sent.bytes, arrived.bytes)
	if sent != arrived {
		r.Unequal++
	}
}

// flow opens streams to a peer and lets both ends send for so long.
func flow(ctx context.Context, peer waymeet.Peer, streams int, length time.Duration, p pace) flowResult {
	ctx, cancel := context.WithTimeout(ctx, length+flowGrace)
	defer cancel()
	results := make([]flowResult, streams)
	var all sync.WaitGroup
	for i := range streams {
		all.Go(func() {
			var err error
			if results[i], err = openFlow(ctx, peer, length, p); err != nil {
				results[i].Errors = []string{err.Error()}
			}
		})
	}
	all.Wait()
	var sum flowResult
	for _, r := range results {
		sum.add(r)
	}
	return sum
}

func openFlow(ctx context.Context, peer waymeet.Peer, length time.Duration, p pace) (flowResult, error) {
	stream, err := peer.OpenStream(ctx, stormProtocol)
	if err != nil {
		return flowResult{}, err
	}
	head := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(length)), uint64(p))
	if _, err := stream.Write(head); err != nil {
		return flowResult{}, err
	}
	return pump(stream, length, p)
}

// acceptFlow is the other end of openFlow.
func acceptFlow(stream *waymeet.Stream) error {
	var head [16]byte
	if _, err := io.ReadFull(stream, head[:]); err != nil {
		return err
	}
	_, err := pump(stream, time.Duration(binary.BigEndian.Uint64(head[:])), pace(binary.BigEndian.Uint64(head[8:])))
	return err
}

// pump sends and receives at once, then compares notes with the other end.
func pump(stream *waymeet.Stream, length time.Duration, p pace) (result flowResult, err error) {
	began := time.Now()
	if err := stream.SetDeadline(began.Add(length + flowGrace)); err != nil {
		return result, err
	}
	var sent tally
	sending := make(chan error, 1)
	go func() {
		var err error
		sent, err = sendChunks(stream, length, p)
		sending <- err
	}()
	promised, arrived, receiveErr := receiveChunks(stream)
	if err := errors.Join(receiveErr, <-sending); err != nil {
		return result, fmt.Errorf("after %v and %d bytes: %w", time.Since(began), arrived.bytes, err)
	}
	result.Seconds = time.Since(began).Seconds()
	if _, err := stream.Write(arrived.append(nil)); err != nil {
		return result, err
	}
	confirmed, err := readTally(stream)
	if err != nil {
		return result, fmt.Errorf("no word of what arrived there: %w", err)
	}
	result.compare(sent, confirmed)
	result.compare(promised, arrived)
	return result, stream.CloseWrite()
}

// sendChunks sends for so long, at a pace.
func sendChunks(to io.Writer, length time.Duration, p pace) (tally, error) {
	count := counter{hash: sha256.New()}
	frame := make([]byte, 4+chunkSize)
	binary.BigEndian.PutUint32(frame, chunkSize)
	_, _ = rand.Read(frame[4:]) // crypto/rand does not fail
	began := time.Now()
	for n := uint64(0); time.Now().Before(began.Add(length)); n++ {
		if p > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(count.bytes) * time.Second / time.Duration(p))))
		}
		binary.BigEndian.PutUint64(frame[4:], n) // no chunk is like another
		count.add(frame[4:])
		if _, err := to.Write(frame); err != nil {
			return tally{}, err
		}
	}
	last := count.tally()
	_, err := to.Write(last.append(make([]byte, 4)))
	return last, err
}

// receiveChunks returns what the other end says it sent, and what arrived.
func receiveChunks(from io.Reader) (promised, arrived tally, err error) {
	count := counter{hash: sha256.New()}
	var head [4]byte
	chunk := make([]byte, chunkSize)
	for {
		if _, err := io.ReadFull(from, head[:]); err != nil {
			return promised, count.tally(), err
		}
		size := binary.BigEndian.Uint32(head[:])
		switch {
		case size == 0:
			promised, err = readTally(from)
			return promised, count.tally(), err
		case size > chunkSize:
			return promised, count.tally(), errors.New("that is no chunk: the stream is not what was sent")
		}
		if _, err := io.ReadFull(from, chunk[:size]); err != nil {
			return promised, count.tally(), err
		}
		count.add(chunk[:size])
	}
}

// The yardstick itself: it sees a byte that is lost, and one that is another.
func TestFlowResult(t *testing.T) {
	of := func(text string) tally {
		c := counter{hash: sha256.New()}
		c.add([]byte(text))
		return c.tally()
	}
	var r flowResult
	r.compare(of("abc"), of("abc"))
	if r.Bytes != 3 || r.Lost != 0 || r.Unequal != 0 {
		t.Errorf("equal: %+v", r)
	}
	r.compare(of("abc"), of("ab"))
	r.compare(of("abc"), of("abd"))
	if r.Bytes != 8 || r.Lost != 1 || r.Unequal != 2 {
		t.Errorf("not equal: %+v", r)
	}
	var wire bytes.Buffer
	sent, err := sendChunks(&wire, time.Millisecond, 0)
	promised, arrived, err2 := receiveChunks(&wire)
	if err != nil || err2 != nil || sent.bytes == 0 || sent != promised || sent != arrived {
		t.Errorf("sent %+v, promised %+v, arrived %+v: %v, %v", sent, promised, arrived, err, err2)
	}
}
