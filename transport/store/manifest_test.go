package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/transport/store"
)

// claimed is the state directory of a node that has one context.
func claimed(t *testing.T) string {
	t.Helper()
	state := t.TempDir()
	claim(t, state)
	if err := openNode(t, state).Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Directory(state).Create(context, sample(1)); err != nil {
		t.Fatal(err)
	}
	return state
}

func claim(t *testing.T, state string) {
	t.Helper()
	if _, err := store.Directory(state).Claim(store.KindNode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path ...string) {
	t.Helper()
	if err := os.Remove(filepath.Join(path...)); err != nil {
		t.Fatal(err)
	}
}

// names are what lies in a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}

// isLost fails the test if the error is not about that file.
func isLost(t *testing.T, err error, file string) {
	t.Helper()
	var lost *store.Lost
	if !errors.As(err, &lost) || filepath.Base(lost.File) != filepath.Base(file) {
		t.Errorf("got %v, want that %s is gone", err, file)
	}
}

func TestALostKeyIsNotMadeAgain(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, state string){
		"with a manifest":          func(*testing.T, string) {},
		"from before the manifest": func(t *testing.T, state string) { remove(t, state, store.ManifestFile) },
		"with nothing but a journal": func(t *testing.T, state string) {
			remove(t, state, store.ManifestFile)
			remove(t, state, store.NodeFile)
		},
	} {
		t.Run(name, func(t *testing.T) {
			state := claimed(t)
			spoil(t, state)
			remove(t, state, store.IdentityFile)
			before := names(t, state)
			_, err := store.Directory(state).Identity(store.KindNode)
			isLost(t, err, store.IdentityFile)
			_, err = store.Directory(state).Claim(store.KindNode)
			isLost(t, err, store.IdentityFile)
			if after := names(t, state); after != before {
				t.Errorf("there is %s, want %s", after, before)
			}
		})
	}
}

func TestTheKeyOfAnotherIsRefused(t *testing.T) {
	state, other := claimed(t), claimed(t)
	remove(t, state, store.IdentityFile)
	if err := os.Rename(filepath.Join(other, store.IdentityFile), filepath.Join(state, store.IdentityFile)); err != nil {
		t.Fatal(err)
	}
	var foreign *store.Foreign
	if _, err := store.Directory(state).Identity(store.KindNode); !errors.As(err, &foreign) {
		t.Errorf("who looks got %v", err)
	}
	if _, err := store.Directory(state).Claim(store.KindNode); !errors.As(err, &foreign) {
		t.Errorf("who claims got %v", err)
	}
}

func TestADirectoryIsOfOneKind(t *testing.T) {
	node, old, relay := claimed(t), claimed(t), t.TempDir()
	remove(t, old, store.ManifestFile)
	if _, err := store.Directory(relay).Claim(store.KindRelay); err != nil {
		t.Fatal(err)
	}
	for state, kind := range map[string]store.Kind{node: store.KindRelay, old: store.KindRelay, relay: store.KindNode} {
		var wrong *store.WrongKind
		if _, err := store.Directory(state).Claim(kind); !errors.As(err, &wrong) {
			t.Errorf("a %s claims it: %v", kind, err)
		}
		if _, err := store.Directory(state).Identity(kind); !errors.As(err, &wrong) {
			t.Errorf("a %s looks: %v", kind, err)
		}
	}
	if _, err := store.Directory(relay).Claim(store.KindRelay); err != nil {
		t.Errorf("the relay comes back: %v", err)
	}
}

func TestALostDatabaseIsNotMadeAgain(t *testing.T) {
	state := claimed(t)
	remove(t, state, store.NodeFile)
	_, err := store.Directory(state).Node()
	isLost(t, err, store.NodeFile)
}

func TestALostJournalIsListedAndDoesNotOpen(t *testing.T) {
	for name, claimAgain := range map[string]bool{"in the same life": false, "in the next one": true} {
		t.Run(name, func(t *testing.T) {
			state := claimed(t)
			remove(t, store.Directory(state).JournalPath(context))
			if claimAgain {
				claim(t, state)
			}
			contexts, err := store.Directory(state).Contexts()
			if err != nil || len(contexts) != 1 || contexts[0] != context {
				t.Fatalf("contexts %v, %v", contexts, err)
			}
			_, err = store.Directory(state).Journal(context)
			isLost(t, err, store.Directory(state).JournalPath(context))
		})
	}
}

// What a person takes out of the manifest is given up; what was there before it,
// or came when its line could not be written, is named by the next life.
func TestAClaimNamesWhatIsThere(t *testing.T) {
	state := claimed(t)
	manifest := filepath.Join(state, store.ManifestFile)
	want, err := os.ReadFile(manifest)
	if err != nil || !strings.HasPrefix(string(want), "waymeet node au-") || strings.Count(string(want), "\n") != 3 {
		t.Fatalf("manifest %q, %v", want, err)
	}
	head, _, _ := strings.Cut(string(want), "\n")
	for _, text := range []string{"", head + "\n"} {
		if text == "" {
			remove(t, manifest)
		} else if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		claim(t, state)
		if got, err := os.ReadFile(manifest); err != nil || string(got) != string(want) {
			t.Errorf("after %q: manifest %q, %v, want %q", text, got, err, want)
		}
	}
	remove(t, state, store.NodeFile)
	if err := os.WriteFile(manifest, []byte(strings.Replace(string(want), store.NodeFile+"\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openNode(t, state).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedManifestIsRefused(t *testing.T) {
	state := claimed(t)
	for _, text := range []string{"", "\n", "waymeet", "waymeet host au-aaaa", "journal/x.db\n"} {
		if err := os.WriteFile(filepath.Join(state, store.ManifestFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var damage *store.Damage
		if _, err := store.Directory(state).Claim(store.KindNode); !errors.As(err, &damage) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// Who only looks, and looks in the wrong place, leaves nothing there.
func TestLookingMakesNothing(t *testing.T) {
	state := t.TempDir()
	for _, dir := range []string{state, filepath.Join(state, "nowhere")} {
		if _, err := store.Directory(dir).Identity(store.KindNode); !errors.Is(err, store.ErrUnclaimed) {
			t.Errorf("got %v", err)
		}
	}
	if left := names(t, state); left != "" {
		t.Errorf("it left %s", left)
	}
}

func TestADirectoryThatEverybodyMayWriteToIsRefused(t *testing.T) {
	state := t.TempDir()
	if err := os.Chmod(state, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Directory(state).Claim(store.KindNode); err == nil || !strings.Contains(err.Error(), "0700") {
		t.Errorf("got %v", err)
	}
}
