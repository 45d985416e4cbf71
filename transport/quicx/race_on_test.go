//go:build race

package quicx

// switchBytes under the race detector, which makes each byte some 20 times as
// dear.
const switchBytes = 8 << 20
