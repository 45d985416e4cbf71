package store

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 3.5: "Every record of every bucket carries a checksum over bucket, key and
// value": a record that stands anywhere else is none.
func TestChecksumIsOfBucketKeyAndValue(t *testing.T) {
	stored, _ := seal(nil, "keys", []byte("key"), []byte("value"))
	for name, test := range map[string]struct {
		bucket messages.Bucket
		key    string
		stored []byte
		sound  bool
	}{
		"as it was written":          {"keys", "key", stored, true},
		"in another bucket":          {"facts", "key", stored, false},
		"under another key":          {"keys", "kez", stored, false},
		"a byte of the key in front": {"keysk", "ey", stored, false},
		"with another value":         {"keys", "key", append([]byte{'V'}, stored[1:]...), false},
		"cut short":                  {"keys", "key", stored[:sumSize-1], false},
	} {
		if _, what := check(test.bucket, []byte(test.key), test.stored); (what == "") != test.sound {
			t.Errorf("%s: %q", name, what)
		}
	}
}
