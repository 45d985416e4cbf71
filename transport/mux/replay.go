package mux

// replayWindow is how far behind the newest counter a datagram may come
// (SPEC 8.2: "Replay window 8192 per direction and key generation").
const replayWindow = 8192

// windowWords is the size of the bitmap. It is cleared a word at a time, so one
// word more than the window is needed: else the window would be 64 short.
const windowWords = replayWindow/64 + 1

// window remembers which counters have been seen. The zero window has seen
// none. It is not safe for concurrent use.
//
// The bitmap is a ring: the bit of counter c stands in word c/64 mod
// windowWords. Words ahead of the newest counter's are cleared when it enters
// them.
type window struct {
	// next is the newest counter seen + 1; zero: none seen.
	next uint64
	bits [windowWords]uint64
}

// expand makes the 64-bit counter of its low half: the one nearest to what is
// expected next.
func (w *window) expand(low uint32) uint64 {
	const half, span = 1 << 31, 1 << 32
	c := w.next&^(span-1) | uint64(low)
	switch {
	case c+half < w.next:
		return c + span
	case c > w.next+half && c >= span:
		return c - span
	}
	return c
}

// fresh reports whether a counter is inside the window and has not been seen.
func (w *window) fresh(c uint64) bool {
	switch {
	case c >= w.next:
		return true
	case w.next-c > replayWindow:
		return false
	}
	return w.bits[c/64%windowWords]&(1<<(c%64)) == 0
}

// mark records a fresh counter whose datagram has opened, and reports whether
// it is the newest so far.
func (w *window) mark(c uint64) (newest bool) {
	if newest = c >= w.next; newest {
		w.advance(c)
	}
	w.bits[c/64%windowWords] |= 1 << (c % 64)
	return newest
}

// advance clears the words that the newest counter enters.
func (w *window) advance(c uint64) {
	entered := c / 64
	first := entered
	if w.next > 0 {
		first = (w.next-1)/64 + 1
	}
	if entered >= first+windowWords {
		first = entered - windowWords + 1
	}
	for word := first; word <= entered; word++ {
		w.bits[word%windowWords] = 0
	}
	w.next = c + 1
}
