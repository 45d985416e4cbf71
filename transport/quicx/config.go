package quicx

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/waymeet/waymeet/transport/mux"
)

// alpn is the protocol that both ends speak inside TLS
// (docs/wire.md: "Streams and protocol names").
const alpn = "waymeet/1"

const (
	// handshakeTimeout is how long QUIC waits for the peer before the first
	// handshake is done.
	handshakeTimeout = 5 * time.Second
	// headTimeout is how long a new stream may take to tell its protocol, and
	// the control stream its first frame.
	headTimeout = 5 * time.Second
	// idleTimeout is for ever: the mux decides about death. Zero would be 30 s.
	idleTimeout = 10 * 365 * 24 * time.Hour
	// incomingStreams bounds the open streams that a peer may have.
	incomingStreams = 1024
)

// quicConfig is the same at both ends.
func quicConfig() *quic.Config {
	return &quic.Config{
		Versions:                []quic.Version{quic.Version1},
		HandshakeIdleTimeout:    handshakeTimeout,
		MaxIdleTimeout:          idleTimeout,
		MaxIncomingStreams:      incomingStreams,
		MaxIncomingUniStreams:   -1,
		InitialPacketSize:       mux.PacketSize,
		DisablePathMTUDiscovery: true,
		EnableDatagrams:         true,
	}
}

// tlsConfig serves and dials. The key share is X25519 alone, so that the
// ClientHello fits one packet; the client verifies nothing, Bind does.
func tlsConfig() (*tls.Config, error) {
	certificate, err := throwAwayCertificate()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{certificate},
		NextProtos:             []string{alpn},
		MinVersion:             tls.VersionTLS13,
		CurvePreferences:       []tls.CurveID{tls.X25519},
		SessionTicketsDisabled: true,
		ServerName:             "waymeet",
		InsecureSkipVerify:     true,
	}, nil
}

// throwAwayCertificate is self-signed with a key that nobody keeps.
func throwAwayCertificate() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("quicx: certificate key: %w", err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("quicx: certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}
