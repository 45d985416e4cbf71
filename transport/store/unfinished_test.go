package store_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// A context that could not be made is not there later either: its name could not be
// put down, for something is in the way of the manifest.
func TestAContextThatCouldNotBeMadeIsNotThere(t *testing.T) {
	state := claimed(t)
	inTheWay := filepath.Join(state, store.ManifestFile+".new")
	if err := os.MkdirAll(filepath.Join(inTheWay, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := messages.ContextID{77}
	if err := store.Directory(state).Create(other, sample(1)); err == nil {
		t.Fatal("it was made")
	}
	remove(t, inTheWay, "full")
	remove(t, inTheWay)
	claim(t, state)
	if contexts, err := store.Directory(state).Contexts(); err != nil || len(contexts) != 1 || contexts[0] != context {
		t.Errorf("there are %v, %v", contexts, err)
	}
	if err := store.Directory(state).Create(other, sample(1)); err != nil {
		t.Errorf("it cannot be made any more: %v", err)
	}
}

// What could not be made, nor taken away again, is not said to be gone: it is not known
// whether the manifest, which cannot be read, names it.
func TestAContextThatIsLeftOverIsSaid(t *testing.T) {
	state := claimed(t)
	manifest := filepath.Join(state, store.ManifestFile)
	if err := errors.Join(os.Remove(manifest), os.Mkdir(manifest, 0o700)); err != nil {
		t.Fatal(err)
	}
	other := messages.ContextID{77}
	path := store.Directory(state).JournalPath(other)
	err := store.Directory(state).Create(other, sample(1))
	if left := (&store.Left{}); !errors.As(err, &left) || left.File != path || !errors.Is(err, unix.EISDIR) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// childState is the state directory for the process of TestAFullDiskLeavesNothing.
const childState = "WAYMEET_TEST_FULL_DISK"

// A disk that is full from the first byte on leaves no file without a byte. A limit
// stands for the disk, in a process of its own: it bounds all that the process writes.
func TestAFullDiskLeavesNothing(t *testing.T) {
	if state := os.Getenv(childState); state != "" {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{}); err != nil {
			t.Fatal(err)
		}
		if err := store.Directory(state).Create(messages.ContextID{77}, sample(1)); !errors.Is(err, unix.EFBIG) {
			t.Fatal(err)
		}
		return
	}
	state := claimed(t)
	before := names(t, filepath.Join(state, "journal"))
	child := exec.Command(os.Args[0], "-test.run=^TestAFullDiskLeavesNothing$")
	child.Env = append(os.Environ(), childState+"="+state)
	if said, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if after := names(t, filepath.Join(state, "journal")); after != before {
		t.Errorf("there is %q where %q was", after, before)
	}
}

// What a process was making when it died is gone with the next start; what else has
// such a name stays.
func TestAClaimSweeps(t *testing.T) {
	state := claimed(t)
	root, journals := names(t, state), names(t, filepath.Join(state, "journal"))
	for _, name := range []string{store.ManifestFile, store.NodeFile, filepath.Join("journal", messages.ContextID{77}.String()+".db")} {
		if err := os.WriteFile(filepath.Join(state, name+".new"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mine := filepath.Join(state, "journal", "mine.db.new")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	claim(t, state)
	remove(t, mine)
	if a, b := names(t, state), names(t, filepath.Join(state, "journal")); a != root || b != journals {
		t.Errorf("there is %q and %q, want %q and %q", a, b, root, journals)
	}
}

// What cannot be taken away would stand in the way of the next file of that name: it is
// said, not passed over.
func TestASweepThatFailsIsSaid(t *testing.T) {
	state := claimed(t)
	if err := os.MkdirAll(filepath.Join(state, store.NodeFile+".new", "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Directory(state).Claim(store.KindNode); err == nil || !strings.Contains(err.Error(), store.NodeFile+".new") {
		t.Errorf("got %v", err)
	}
}
