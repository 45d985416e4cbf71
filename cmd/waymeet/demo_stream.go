package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// copyLimit is how long one copy may take beside the time in which it flows:
	// longer than any outage that the demo makes.
	copyLimit = 30 * time.Second
	// slowest is the pace that a copy must reach, in bytes a second.
	slowest = 10_000_000
)

// payload is a file that is sent, and what it must be when it arrives.
type payload struct {
	path   string
	size   int64
	sha256 string
}

// payloads are sent in turn.
type payloads []payload

// flow is how long the largest may flow at the slowest pace.
func (all payloads) flow() (longest time.Duration) {
	for _, what := range all {
		longest = max(longest, time.Duration(what.size)*(time.Second/slowest))
	}
	return longest
}

// limit is how long one copy of any of them may take.
func (all payloads) limit() time.Duration { return copyLimit + all.flow() }

func readPayload(path string) (payload, error) {
	digest, size, err := digestFile(path)
	if err != nil {
		return payload{}, failed("cannot read "+path, err, "--file FILE")
	}
	return payload{path: path, size: size, sha256: digest}, nil
}

func digestFile(path string) (digest string, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	hash := sha256.New()
	size, err = io.Copy(hash, file)
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

// stream sends the payloads from one player to the other, again and again. It
// owns one goroutine.
type stream struct {
	from, to *player
	payloads payloads

	copies atomic.Int64
	bytes  atomic.Int64

	stopping atomic.Bool
	ended    chan struct{}
	err      error // to be read after ended is closed
}

// streams are the two directions.
type streams struct{ all []*stream }

func startStreams(ctx context.Context, a, b *player, payloads payloads) *streams {
	s := &streams{}
	for _, ends := range [][2]*player{{a, b}, {b, a}} {
		one := &stream{from: ends[0], to: ends[1], payloads: payloads, ended: make(chan struct{})}
		s.all = append(s.all, one)
		go one.run(ctx)
	}
	return s
}

func (s *stream) run(ctx context.Context) {
	defer close(s.ended)
	for turn := 0; !s.stopping.Load(); turn++ {
		if s.err = sendCopy(ctx, s.from, s.to, s.payloads[turn%len(s.payloads)]); s.err != nil {
			s.err = fmt.Errorf("copy %d from %s to %s: %w", turn+1, s.from.name, s.to.name, s.err)
			return
		}
		s.copies.Add(1)
		s.bytes.Add(s.payloads[turn%len(s.payloads)].size)
	}
}

// sendCopy sends one copy, hashes what arrived on the other side's disk, and
// removes it there.
func sendCopy(ctx context.Context, from, to *player, what payload) error {
	ctx, cancel := context.WithTimeout(ctx, payloads{what}.limit())
	defer cancel()
	result, err := sendFile(ctx, from.admin, to.id.String(), what.path)
	if err != nil {
		return err
	}
	stored := filepath.Join(to.received(), result.StoredAs)
	digest, size, err := digestFile(stored)
	if err != nil {
		return fmt.Errorf("it was acknowledged, but cannot be read there: %w", err)
	}
	if digest != what.sha256 || size != what.size {
		return fmt.Errorf("%d bytes with sha256 %s were sent, %d with %s are stored", what.size, what.sha256, size, digest)
	}
	return os.Remove(stored)
}

// bothWays sends one copy of everything in both directions at once.
func bothWays(ctx context.Context, a, b *player, payloads payloads) error {
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i, ends := range [][2]*player{{a, b}, {b, a}} {
		both.Go(func() {
			for _, what := range payloads {
				errs[i] = errors.Join(errs[i], sendCopy(ctx, ends[0], ends[1], what))
			}
		})
	}
	both.Wait()
	return errors.Join(errs...)
}

// flowed is how many bytes have arrived whole, in both directions.
func (s *streams) flowed() (bytes int64) {
	for _, one := range s.all {
		bytes += one.bytes.Load()
	}
	return bytes
}

func (s *streams) copies() (copies int64) {
	for _, one := range s.all {
		copies += one.copies.Load()
	}
	return copies
}

// counts is how many copies have arrived, for each direction.
func (s *streams) counts() (counts []int64) {
	for _, one := range s.all {
		counts = append(counts, one.copies.Load())
	}
	return counts
}

// failed is the error of a direction that has given up.
func (s *streams) failed() error {
	for _, one := range s.all {
		select {
		case <-one.ended:
			if one.err != nil {
				return one.err
			}
		default:
		}
	}
	return nil
}

// stop lets the copies that are under way arrive and ends.
func (s *streams) stop() error {
	for _, one := range s.all {
		one.stopping.Store(true)
	}
	var errs []error
	for _, one := range s.all {
		<-one.ended
		errs = append(errs, one.err)
	}
	return errors.Join(errs...)
}
