// Package handshake runs one Noise handshake between two members: IKpsk2 as a
// machine that never computes (Handshaker), and the computing as pure
// functions (Initiate, Respond, Finish) (SPEC chapter 7).
//
// It imports messages, flynn/noise and circl, reads no clock and draws no
// randomness of its own. Nothing here is resumed after a crash: a handshake
// that is half done is thrown away, and a new one starts. What keeps a replayed
// hello from reaching this package at all stands with the channel manager.
//
// Start reading at handshaker.go; noise.go is what its Compute effects stand
// for.
package handshake
