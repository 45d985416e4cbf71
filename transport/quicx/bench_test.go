//go:build unix

package quicx

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/waymeet/waymeet/messages"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// Sizes of BenchmarkStream: so many rounds of so many bytes for each contender,
// in turns, so that a change of the machine's mood meets all alike.
const (
	benchRounds = 5
	benchBytes  = 96 << 20
)

// contender is one way to carry a stream over loopback.
type contender struct {
	name          string
	write         io.Writer
	read          io.Reader
	speed, perCPU []float64 // bytes a second, bytes a CPU second
}

// BenchmarkStream compares one stream over loopback through the mux with raw
// quic-go as it comes and at the same packet size, in one interleaved run. It
// prints, for `make bench`,
//
//	bench: stream RATIO CPU_RATIO
//
// throughput against raw quic-go (more is better) and CPU time a byte against
// it (less is better), medians over the rounds. The second line is against raw
// quic-go with 1200-byte packets.
func BenchmarkStream(b *testing.B) {
	p := loopbackPair(b, messages.SuiteAESGCM)
	left, err := p.left.conn.OpenStream(b.Context(), "bench/1")
	if err != nil {
		b.Fatal(err)
	}
	_, right, err := p.right.conn.AcceptStream(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	sealed := &contender{name: "waymeet", write: left, read: right}
	raw := rawQUIC(b, "raw", &quic.Config{})
	raw1200 := rawQUIC(b, "raw1200", &quic.Config{InitialPacketSize: 1200, DisablePathMTUDiscovery: true})
	contenders := []*contender{sealed, raw, raw1200}
	for _, c := range contenders {
		c.round(b, benchBytes/8) // warm up
		c.speed, c.perCPU = nil, nil
	}
	b.ResetTimer()
	for range benchRounds {
		for _, c := range contenders {
			c.round(b, benchBytes)
		}
	}
	for _, c := range contenders {
		b.Logf("%-8s %6.0f MB/s, %6.0f MB per CPU second", c.name, median(c.speed)/1e6, median(c.perCPU)/1e6)
	}
	fmt.Printf("bench: stream %.2f %.2f\n", ratio(sealed.speed, raw.speed), ratio(raw.perCPU, sealed.perCPU))
	fmt.Printf("bench: stream_1200 %.2f %.2f\n", ratio(sealed.speed, raw1200.speed), ratio(raw1200.perCPU, sealed.perCPU))
	fmt.Printf("bench: stream_raw1200 %.2f %.2f\n", ratio(raw1200.speed, raw.speed), ratio(raw.perCPU, raw1200.perCPU))
}

// round carries bytes from one end to the other and notes how fast.
func (c *contender) round(b *testing.B, bytes int64) {
	b.Helper()
	began, cpu := time.Now(), cpuTime(b)
	written := make(chan error, 1)
	go func() {
		chunk := make([]byte, 64<<10)
		for left := bytes; left > 0; left -= int64(len(chunk)) {
			if _, err := c.write.Write(chunk); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.LimitReader(c.read, bytes)}, make([]byte, 64<<10)); err != nil {
		b.Fatal(err)
	}
	if err := <-written; err != nil {
		b.Fatal(err)
	}
	c.speed = append(c.speed, float64(bytes)/time.Since(began).Seconds())
	c.perCPU = append(c.perCPU, float64(bytes)/(cpuTime(b)-cpu).Seconds())
}

// rawQUIC is a stream over quic-go alone, one UDP socket at each end.
func rawQUIC(b *testing.B, name string, config *quic.Config) *contender {
	b.Helper()
	server, err := tlsConfig()
	if err != nil {
		b.Fatal(err)
	}
	listener, err := quic.Listen(tt.Loopback(b), server, config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { listener.Close() })
	accepted := make(chan *quic.Stream, 1)
	go func() {
		if conn, err := listener.Accept(context.Background()); err == nil {
			b.Cleanup(func() { conn.CloseWithError(0, "") }) // the dialler's close may be lost
			if s, err := conn.AcceptStream(context.Background()); err == nil {
				accepted <- s
			}
		}
	}()
	conn, err := quic.Dial(b.Context(), tt.Loopback(b), listener.Addr(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}}, config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.CloseWithError(0, "") })
	s, err := conn.OpenStreamSync(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Write([]byte{0}); err != nil {
		b.Fatal(err)
	}
	c := &contender{name: name, write: s, read: <-accepted}
	if _, err := io.ReadFull(c.read, make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	return c
}

// cpuTime is what the process has used, user and system.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[len(sorted)/2]
}

func ratio(a, b []float64) float64 { return median(a) / median(b) }
