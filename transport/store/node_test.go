package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

func openNode(t *testing.T, state string) *store.Node {
	t.Helper()
	node, err := store.Directory(state).Node()
	if err != nil {
		t.Fatal(err)
	}
	return node
}

// SPEC 7.3: "boot = max(stored + 1, Unix seconds at start), stored before the
// first hello".
func TestBootOnlyGrows(t *testing.T) {
	state := t.TempDir()
	var got []messages.Boot
	for _, seconds := range []int64{1000, 1000, 500, 2000} {
		node := openNode(t, state)
		boot, err := node.NextBoot(time.Unix(seconds, 0))
		if err := errors.Join(err, node.Close()); err != nil {
			t.Fatal(err)
		}
		got = append(got, boot)
	}
	if want := []messages.Boot{1000, 1001, 1002, 2000}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("boots %v, want %v", got, want)
	}
}

// SPEC 14.2: "the first claim is stored …, another id is refused".
func TestFirstClaimStays(t *testing.T) {
	state := t.TempDir()
	node := openNode(t, state)
	for _, claimant := range []string{"ben", "cat", "ben"} {
		there, err := node.PutOnce(store.BucketClaims, []byte("ticket"), []byte(claimant))
		if err != nil || string(there) != "ben" {
			t.Errorf("%s claims: %q is there, %v", claimant, there, err)
		}
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	node = openNode(t, state)
	defer node.Close()
	if there := node.Get(store.BucketClaims, []byte("ticket")); string(there) != "ben" {
		t.Errorf("after reopening: %q", there)
	}
}

func TestCompletedCounterOnlyGrows(t *testing.T) {
	state := t.TempDir()
	node := openNode(t, state)
	for _, counter := range [][2]uint64{{5, 1}, {5, 300}, {4, 900}, {5, 2}} {
		if err := node.Complete(context, messages.AuthorityID{2}, messages.Boot(counter[0]), counter[1]); err != nil {
			t.Fatal(err)
		}
	}
	completed := func() string {
		var all string
		for record := range node.Records(store.BucketCompleted) {
			all += fmt.Sprintf("%x: %x\n", record.Key, record.Value)
		}
		return all
	}
	want := fmt.Sprintf("%x%x: %016x%016x\n", context[:], append([]byte{2}, make([]byte, 31)...), 5, 300)
	if got := completed(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	node = openNode(t, state)
	defer node.Close()
	if got := completed(); got != want {
		t.Errorf("after reopening: %s, want %s", got, want)
	}
}

func TestTicketsAreListedAndDeleted(t *testing.T) {
	node := openNode(t, t.TempDir())
	defer node.Close()
	for _, name := range []string{"one", "two"} {
		if err := node.Put(store.BucketTickets, []byte(name), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := node.Delete(store.BucketTickets, []byte("one")); err != nil {
		t.Fatal(err)
	}
	var names []string
	for record := range node.Records(store.BucketTickets) {
		names = append(names, string(record.Key))
	}
	if fmt.Sprint(names) != "[two]" {
		t.Errorf("tickets %v", names)
	}
}

func TestIdentityIsMadeOnceAndKept(t *testing.T) {
	state := t.TempDir()
	first, err := store.Directory(state).Claim(store.KindNode)
	if err != nil {
		t.Fatal(err)
	}
	second, err := store.Directory(state).Identity(store.KindNode)
	if err != nil || first != second || first == (messages.SecretKey{}) {
		t.Errorf("the second time: %v, same %t", err, first == second)
	}
	info, err := os.Stat(filepath.Join(state, "identity.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(state); len(entries) != 2 {
		t.Errorf("%d files are there, want the key and the manifest", len(entries))
	}
}

func TestIdentityIsRefusedWhen(t *testing.T) {
	tests := map[string]struct {
		make func(path string) error
		want string
	}{
		"others may read it": {func(path string) error { return os.WriteFile(path, make([]byte, 32), 0o644) }, "0600"},
		"it is too short":    {func(path string) error { return os.WriteFile(path, make([]byte, 31), 0o600) }, "31 bytes"},
		"it is empty":        {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "0 bytes"},
		"it is a link":       {func(path string) error { return os.Symlink("/dev/zero", path) }, "not a regular file"},
		"it is a directory":  {func(path string) error { return os.Mkdir(path, 0o700) }, "not a regular file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			if err := test.make(filepath.Join(state, "identity.key")); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Directory(state).Claim(store.KindNode); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// What could not be written is not there.
func TestNodeHoldsOnlyWhatIsOnDisk(t *testing.T) {
	node := openNode(t, t.TempDir())
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	if there, err := node.PutOnce(store.BucketSlots, []byte("relay"), []byte("key")); err == nil || there != nil {
		t.Errorf("a closed database takes %q, %v", there, err)
	}
	if err := node.Put(store.BucketSlots, []byte("relay"), []byte("key")); err == nil || node.Get(store.BucketSlots, []byte("relay")) != nil {
		t.Errorf("a closed database takes it: %v", err)
	}
}

// Who only asks what is there waits for no disk: keepers do in every life.
func TestPutOnceWritesOnce(t *testing.T) {
	state := t.TempDir()
	node := openNode(t, state)
	defer node.Close()
	written := func() time.Time {
		info, err := os.Stat(filepath.Join(state, "node.db"))
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	put := func() {
		if _, err := node.PutOnce(store.BucketSlots, []byte("relay"), []byte("key")); err != nil {
			t.Fatal(err)
		}
	}
	tick := func() { time.Sleep(20 * time.Millisecond) } // longer than one of the file system's clock
	before := written()
	tick()
	put()
	first := written()
	tick()
	put()
	if !first.After(before) || !written().Equal(first) {
		t.Errorf("written at %v, then %v, then %v", before, first, written())
	}
}
