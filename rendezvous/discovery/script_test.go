package discovery

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waymeet/waymeet/messages"
)

var update = flag.Bool("update", false, "write the recorded output in testdata anew")

// compareRecorded compares what happened with what was recorded, which is read
// like a story; `go test ./rendezvous/discovery -update` records it anew.
func compareRecorded(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s tells another story (-recorded +now):\n%s", path, diff)
	}
}

// The whole story of one ticket: issued; used by Ben while votes are missing
// at first; refused to Eve; answered again to Ben after the inviter died; and
// forgotten a day after it expired.
func TestTheStoryOfOneTicket(t *testing.T) {
	w := newWorld(2)
	ben, eve := w.joiners[0], w.joiners[1]

	w.say("# Anna invites")
	w.invite()
	w.run(time.Second)
	ticket := w.issued[0]

	w.say("# Ben joins; the journal waits for one more vote")
	w.waits = 1
	w.join(ben, ticket)
	w.run(10 * time.Second)

	w.say("# Eve has the same ticket")
	w.join(eve, ticket)
	w.run(20 * time.Second)

	w.say("# Anna's node is killed; Ben, who lost his answer, claims again")
	w.restart()
	w.join(ben, ticket)
	w.run(30 * time.Second)

	w.say("# Ben is cut off, and so hears nothing")
	ben.offline, ben.within = true, 2*time.Second
	w.join(ben, ticket)
	w.run(40 * time.Second)

	w.say("# Eve tries once more after the ticket expired")
	w.run(11 * time.Minute)
	w.join(eve, ticket)
	w.run(12 * time.Minute)

	w.say("# A day later Anna's node forgets the ticket")
	w.run(25 * time.Hour)
	compareRecorded(t, "one_ticket.txt", w.trace.String())

	if ben.done != 2 || w.state.Roster.Len() != 2 || len(w.tickets) != 0 {
		t.Errorf("ben is done %d times, %d members, %d tickets left", ben.done, w.state.Roster.Len(), len(w.tickets))
	}
	if eve.adopted || eve.failed[0].Reason != messages.TicketUsed || eve.failed[1].Reason != messages.TicketUsed {
		t.Errorf("eve: %v", eve.failed)
	}
	if last := ben.failed[len(ben.failed)-1]; last.Reason != messages.NoAnswer {
		t.Errorf("ben, cut off: %v", last)
	}
}
