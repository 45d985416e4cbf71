package messages

// The names that streams of Waymeet's own begin with (SPEC 8.3; docs/wire.md:
// "Streams and protocol names"). All others are the host's.
const (
	// FileProtocol: the stream carries one file.
	FileProtocol = "file/1"
	// SyncProtocol: it carries one sync session.
	SyncProtocol = "sync/1"
	// ClaimProtocol: a ticket is claimed on it.
	ClaimProtocol = "claim/1"
)
