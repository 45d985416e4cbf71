//go:build unix

package quicx

import (
	"context"
	"crypto/tls"
	"io"
	"testing"

	"github.com/quic-go/quic-go"

	"github.com/waymeet/waymeet/internal/bench"
	"github.com/waymeet/waymeet/messages"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// Sizes of BenchmarkStream: so many rounds of so many bytes for each contender.
const (
	benchRounds = 5
	benchBytes  = 96 << 20
)

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
	sealed := carrier(b, "waymeet", left, right)
	raw := rawQUIC(b, "raw", &quic.Config{})
	raw1200 := rawQUIC(b, "raw1200", &quic.Config{InitialPacketSize: 1200, DisablePathMTUDiscovery: true})
	contenders := []*bench.Contender{sealed, raw, raw1200}
	b.ResetTimer()
	bench.Rounds(benchRounds, contenders...)
	for _, c := range contenders {
		b.Logf("%-8s %6.0f MB/s, %6.0f MB per CPU second", c.Name, benchBytes/bench.Median(c.Wall)/1e6, benchBytes/bench.Median(c.CPU)/1e6)
	}
	speed("stream", sealed, raw)
	speed("stream_1200", sealed, raw1200)
	speed("stream_raw1200", raw1200, raw)
}

// speed prints the throughput of a over that of b, and the CPU time likewise.
func speed(row string, a, b *bench.Contender) {
	bench.Row(row, bench.Median(b.Wall)/bench.Median(a.Wall), bench.Median(a.CPU)/bench.Median(b.CPU))
}

// carrier is a way to carry bytes from one end to the other.
func carrier(b *testing.B, name string, w io.Writer, r io.Reader) *bench.Contender {
	return &bench.Contender{Name: name, Turn: func() {
		written := make(chan error, 1)
		go func() {
			chunk := make([]byte, 64<<10)
			for left := benchBytes; left > 0; left -= len(chunk) {
				if _, err := w.Write(chunk); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.LimitReader(r, benchBytes)}, make([]byte, 64<<10)); err != nil {
			b.Fatal(err)
		}
		if err := <-written; err != nil {
			b.Fatal(err)
		}
	}}
}

// rawQUIC is a stream over quic-go alone, one UDP socket at each end.
func rawQUIC(b *testing.B, name string, config *quic.Config) *bench.Contender {
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
	read := <-accepted
	if _, err := io.ReadFull(read, make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	return carrier(b, name, s, read)
}
