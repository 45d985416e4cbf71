package actors

import (
	"bytes"
	"testing"

	"github.com/waymeet/waymeet/rendezvous/journal"
)

// FuzzReadSyncFrame reads frames off any stream: what it takes is what would be
// written, and none is longer than its limit.
func FuzzReadSyncFrame(f *testing.F) {
	f.Add(appendSyncFrame(appendSyncFrame(nil, []byte{6}), []byte("frame")))
	f.Add([]byte{0, 4, 4, 17})
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; ; {
			frame, err := readSyncFrame(bytes.NewReader(rest))
			if err != nil {
				return
			}
			if again := appendSyncFrame(nil, frame); len(frame) > journal.MaxFrame || !bytes.HasPrefix(rest, again) {
				t.Fatalf("read %d bytes of %x", len(frame), rest)
			}
			rest = rest[4+len(frame):]
		}
	})
}
