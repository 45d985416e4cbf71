package filedrop

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// Two files that fit one by one do not fit together: the room that was
// promised to the first is not promised to the second. And of the room that is
// left, one sender is promised a half: the others get a file through, too.
func TestPromisedRoomIsPromisedOnce(t *testing.T) {
	inbox, _ := openInbox(t, Limits{Reserve: 100})
	inbox.free = func() (uint64, error) { return 1100, nil }
	offer := func(from Sender, size uint64, want messages.FileRefusal) {
		t.Helper()
		switch r := inbox.admit(from, messages.FileOffer{Name: "a", Size: size}); {
		case r == nil && want != 0, r != nil && r.Reason != want:
			t.Errorf("%d bytes of %s: %v, want %v", size, from, r, want)
		}
	}
	offer("anna", 501, messages.FileNoSpace)
	offer("anna", 400, 0)
	offer("anna", 101, messages.FileNoSpace)
	offer("anna", 100, 0)
	offer("ben", 251, messages.FileNoSpace)
	offer("ben", 250, 0)
	first := place{from: "anna", due: 400}
	inbox.arrived(400, &first)
	offer("ben", 200, 0)
	inbox.release(&first)
	if want := (share{underWay: 3, due: 550}); inbox.all != want {
		t.Errorf("%+v, want %+v", inbox.all, want)
	}
}

func TestOneSenderHasOneShareOfThePlaces(t *testing.T) {
	inbox, _ := openInbox(t, Limits{MaxAtOnce: 3, MaxPerSender: 2})
	for _, test := range []struct {
		from Sender
		busy bool
	}{{"anna", false}, {"anna", false}, {"anna", true}, {"ben", false}, {"ben", true}, {"joe", true}} {
		r := inbox.admit(test.from, messages.FileOffer{Name: "a", Size: 1})
		if busy := r != nil && r.Reason == messages.FileBusy; busy != test.busy {
			t.Errorf("%s: %v", test.from, r)
		}
	}
}
