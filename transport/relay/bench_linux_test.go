package relay_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/relay"
)

// BenchmarkForward pushes datagrams of 1278 bytes through a relay on loopback,
// in writes of one and of 50 datagrams (GSO, as the mux sends). MB/s is what
// the relay has forwarded; the receiver is deaf, so that it costs nothing.
func BenchmarkForward(b *testing.B) {
	for _, burst := range []int{1, 50} {
		b.Run(fmt.Sprintf("burst=%d", burst), func(b *testing.B) {
			p := startPair(b, messages.RelayRate{})
			p.bob.deaf.Store(true)
			var data []byte
			for range burst {
				data = messages.AppendHop(data, p.session, make([]byte, 1273))
			}
			control, to := relay.SegmentControl(1278), net.UDPAddrFromAddrPort(p.relay.Addr())
			start, before := time.Now(), p.relay.Counters()
			for b.Loop() {
				if _, _, err := p.alice.socket().WriteMsgUDP(data, control, to); err != nil {
					b.Fatal(err)
				}
			}
			forwarded := p.relay.Counters().ForwardedDatagrams - before.ForwardedDatagrams
			b.ReportMetric(float64(forwarded)*1278/1e6/time.Since(start).Seconds(), "MB/s")
			b.ReportMetric(100*(1-float64(forwarded)/float64(b.N*burst)), "lost%")
			b.ReportMetric(0, "ns/op")
		})
	}
}
