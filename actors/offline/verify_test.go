package offline

import (
	"errors"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

func TestVerifySaysWhatAJournalHolds(t *testing.T) {
	h := found(t)
	h.say("one", "two")
	h.lend(func(journals *Journals) {
		sound, err := journals.Verify(h.context)
		if err != nil || sound.Context != h.context || sound.Held != 3 || sound.Facts != 3 || sound.Members != 1 {
			t.Errorf("%+v, %v", sound, err)
		}
		again, err := journals.Verify(h.context)
		if err != nil || again != sound {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

// What was written so, checksums and all, is damage of the record all the same.
func TestVerifyNamesTheRecordThatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		record func(h *home) messages.Record
		want   []string
	}{
		"a forged fact": {func(h *home) messages.Record {
			fact := h.seal(func(*messages.SecretKey) {})
			fact.Signature[0]++
			return messages.Record{Bucket: messages.BucketFacts, Key: messages.Place(3).Key(), Value: fact.Append(nil)}
		}, []string{"bucket facts", "key 0000000000000003", "did not sign"}},
		"a hole": {func(h *home) messages.Record {
			return messages.Record{Bucket: messages.BucketFacts, Key: messages.Place(9).Key(), Value: h.seal(func(*messages.SecretKey) {}).Append(nil)}
		}, []string{".db is damaged", "fact 0000000000000009", "backup"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := found(t)
			h.say("one")
			record := test.record(h)
			file, err := store.Directory(h.dir).Journal(h.context)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(file.Writer().Write([]messages.Record{record}), file.Close()); err != nil {
				t.Fatal(err)
			}
			h.lend(func(journals *Journals) {
				_, err := journals.Verify(h.context)
				wantProblem(t, err, messages.ExitFailed, test.want...)
			})
		})
	}
}
