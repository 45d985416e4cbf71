package relay_test

import (
	"bytes"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/relay"
)

// What a client sends in one GSO write comes out as the same datagrams, the
// short one at the end too.
func TestSegmentedWritesComeOutAsTheirDatagrams(t *testing.T) {
	p := startPair(t, messages.RelayRate{})
	var data []byte
	var want []string
	for i := range 40 {
		inner := bytes.Repeat([]byte{byte(i)}, 1273)
		if i == 39 {
			inner = inner[:7]
		}
		data, want = messages.AppendHop(data, p.session, inner), append(want, string(inner))
	}
	control, to := relay.SegmentControl(1278), p.relay.Addr()
	if _, _, err := p.alice.socket().WriteMsgUDPAddrPort(data, control, to); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if _, got := p.bob.receive(); got != want[i] {
			t.Fatalf("datagram %d has %d bytes, want %d", i, len(got), len(want[i]))
		}
	}
	if got := p.relay.Counters(); got.ForwardedDatagrams != 40 || got.ForwardedBytes != uint64(len(data)) {
		t.Errorf("counters %+v", got)
	}
}
