// Package quicx runs QUIC over the links of a mux: streams, flow control, loss
// recovery and small datagrams inside what the mux seals (SPEC 8.3).
//
// QUIC's own certificate is thrown away with the process and proves nothing.
// What proves the peer is the Noise handshake of the mux's keys, and Bind ties
// the two together: the first frame each way on the first stream is a secret
// that only the two ends of this TLS session can export, over the hash of that
// handshake (SPEC 7.4).
//
// QUIC does no keepalive, no path discovery and no idle timeout here; the mux
// does. The package imports messages, the mux and quic-go. Start reading at
// endpoint.go, then conn.go and control.go.
package quicx
