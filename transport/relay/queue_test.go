package relay

import (
	"bytes"
	"testing"
	"time"
)

func drain(q *queues) (got []string) {
	for {
		batch := q.takeNow(nil, 1)
		if len(batch) == 0 {
			return got
		}
		got = append(got, string(batch[0].data()))
		batch[0].free()
	}
}

// SPEC 11.4: "A slow receiver delays nobody else".
func TestQueuesServeEachReceiverInTurn(t *testing.T) {
	q, a, b, at := newQueues(), &queue{}, &queue{}, endpointOf(here)
	for _, datagram := range []string{"a1", "a2", "a3"} {
		q.pushCopy(a, at, []byte(datagram))
	}
	q.pushCopy(b, at, []byte("b1"))
	if got := drain(q); !equal(got, "a1", "b1", "a2", "a3") {
		t.Errorf("order %v", got)
	}
	q.pushCopy(a, at, []byte("a4"))
	if got := drain(q); !equal(got, "a4") {
		t.Errorf("after it was empty: %v", got)
	}
}

// SPEC 11.4: "queues drop from the head".
func TestQueuesDropFromTheHead(t *testing.T) {
	q, a, b, at := newQueues(), &queue{}, &queue{}, endpointOf(here)
	q.pushCopy(b, at, []byte("other"))
	fits := maxQueued / buffers[0].size
	for i := range fits + 3 {
		q.pushCopy(a, at, []byte{byte(i >> 8), byte(i)})
	}
	got := drain(q)
	if len(got) != fits+1 || got[0] != "other" || got[1] != "\x00\x03" {
		t.Errorf("%d kept, the first is %x", len(got), got[1])
	}
	if last := fits + 2; got[len(got)-1] != string([]byte{byte(last >> 8), byte(last)}) {
		t.Errorf("the newest was lost")
	}
	if q.overflowed.Load() != 3 {
		t.Errorf("%d counted", q.overflowed.Load())
	}
}

func TestQueuesEndWhenClosed(t *testing.T) {
	q := newQueues()
	ended := make(chan []burst)
	go func() { ended <- q.take(nil, 1) }()
	q.close()
	select {
	case batch := <-ended:
		if len(batch) != 0 {
			t.Error("something came out of nothing")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("take did not return")
	}
}

func TestSameSessionEndsWhereTheSessionChanges(t *testing.T) {
	const size = 8
	datagram := func(session byte, n int) string {
		return "\x08\x00\x00\x00" + string(session) + string(bytes.Repeat([]byte{1}, n-5))
	}
	for _, c := range []struct {
		data string
		want int
	}{
		{datagram(1, size), size},
		{datagram(1, size) + datagram(1, size) + datagram(1, 6), 2*size + 6},
		{datagram(1, size) + datagram(2, size), size},
		{datagram(1, size) + datagram(1, size)[:5], size},
		{datagram(1, size) + "\x0a" + datagram(1, size)[1:], size},
		{datagram(1, 6), 6},
	} {
		if got := len(sameSession([]byte(c.data), size)); got != c.want {
			t.Errorf("%x: %d bytes, want %d", c.data, got, c.want)
		}
	}
}

func equal(got []string, want ...string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}
