package messages

import "strconv"

// PathKind says over what a path runs. Values are in the journal's costs and
// on the wire and are never used again.
type PathKind uint8

const (
	// PathRelay goes through a slot at a relay.
	PathRelay PathKind = 1
	// PathDirect goes from socket to socket.
	PathDirect PathKind = 2
)

// String is "relay" or "direct".
func (k PathKind) String() string {
	switch k {
	case PathRelay:
		return "relay"
	case PathDirect:
		return "direct"
	}
	return "path " + strconv.Itoa(int(k))
}

// MarshalText writes "relay" or "direct".
func (k PathKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
