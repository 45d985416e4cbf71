//go:build !race

package quicx

// switchBytes is what crosses the switches in TestStreamCrossesManySwitches.
const switchBytes = 64 << 20
