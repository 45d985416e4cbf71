package relay

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/waymeet/waymeet/messages"
)

// meter is the token bucket of a RelayRate; a nil meter has no limit.
type meter struct{ bytes, datagrams *rate.Limiter }

func newMeter(r messages.RelayRate) *meter {
	if r == (messages.RelayRate{}) {
		return nil
	}
	return &meter{
		// A burst is a tenth of a second, and never less than one read.
		bytes:     newLimiter(r.BytesPerSecond, maxRead),
		datagrams: newLimiter(r.DatagramsPerSecond, 64),
	}
}

func newLimiter(perSecond uint64, least int) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(int(min(perSecond/10, 1<<30)), least))
}

func (m *meter) allow(now time.Time, bytes, datagrams int) bool {
	return m == nil || m.datagrams.AllowN(now, datagrams) && m.bytes.AllowN(now, bytes)
}
