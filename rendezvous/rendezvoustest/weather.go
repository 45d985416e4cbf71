package rendezvoustest

import (
	"math/rand/v2"
	"time"
)

// weather is what the wire does to datagrams. The zero weather delivers each
// once, in order, after the delay of its way.
type weather struct {
	// loss and twice are how probable it is that a datagram is lost, and that it
	// comes twice.
	loss, twice float64
	// jitter is how much later than its delay one may come; others overtake it.
	jitter time.Duration
}

// setWeather says what the wire does from now on.
func (w *World) setWeather(now weather) {
	w.wire.weather = now
	if w.wire.sky == nil {
		w.wire.sky = w.jitter()
	}
}

// arrivals are how much later than its delay a datagram comes, each time that
// it does.
func (a weather) arrivals(sky *rand.Rand) []time.Duration {
	if a == (weather{}) {
		return []time.Duration{0}
	}
	if sky.Float64() < a.loss {
		return nil
	}
	copies := 1
	if sky.Float64() < a.twice {
		copies = 2
	}
	late := make([]time.Duration, copies)
	for i := range late {
		if a.jitter > 0 {
			late[i] = time.Duration(sky.Int64N(int64(a.jitter)))
		}
	}
	return late
}
