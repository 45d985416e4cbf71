package actors

import (
	"errors"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// A journal that is made and does not open is not said to be none.
func TestJournalThatDoesNotOpenMayBeThere(t *testing.T) {
	var d databases
	defer d.close()
	dir := store.Directory(t.TempDir())
	if err := d.open(dir); err != nil {
		t.Fatal(err)
	}
	// A record among those by which the store counts the others: it finds one too many.
	strange := messages.Record{Bucket: "meta", Key: []byte("strange"), Value: []byte{1}}
	cx := messages.ContextID{1}
	err := d.create(cx, []messages.Record{strange})
	if left := (&store.Left{}); !errors.As(err, &left) || left.File != dir.JournalPath(cx) {
		t.Fatalf("got %v", err)
	}
	if text := notMade(cx, err).Error(); !strings.Contains(text, cx.String()+" is there") || strings.Contains(text, "nothing of it is left") {
		t.Errorf("it says %s", text)
	}
	// Who asks for the same one again is not told that it was made now.
	var damage *store.Damage
	if again := d.create(cx, nil); !errors.As(again, &damage) || errors.As(again, new(*store.Left)) {
		t.Errorf("got %v", again)
	}
}
