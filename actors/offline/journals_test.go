package offline

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/transport/store"
)

func TestOpenIsRefusedWhere(t *testing.T) {
	running, lost, torn := found(t), t.TempDir(), found(t)
	lock, err := store.Directory(running.dir).Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	file := filepath.Join(lost, "file")
	for _, path := range []string{file, filepath.Join(torn.dir, "identity.key")} {
		if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		dir  string
		code messages.ExitCode
		want string
	}{
		"a node runs":             {running.dir, messages.ExitNoNode, "another process"},
		"nothing is":              {filepath.Join(lost, "nowhere"), messages.ExitUsage, "no node has run there"},
		"a file is":               {file, messages.ExitUsage, "no node has run there"},
		"the identity is damaged": {torn.dir, messages.ExitFailed, "5 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(test.dir)
			wantProblem(t, err, test.code, test.want)
		})
	}
	if lock, err = store.Directory(torn.dir).Lock(); err != nil {
		t.Fatalf("the lock of a directory that is refused is held: %v", err)
	}
	defer lock.Release()
}

func TestResolveFindsAContextBy(t *testing.T) {
	h := newHome(t)
	h.lend(func(journals *Journals) {
		_, err := journals.Resolve("")
		wantProblem(t, err, messages.ExitUsage, "no context")
	})
	h.found()
	first := h.context
	h.lend(func(journals *Journals) {
		for name, text := range map[string]string{"nothing where it is the only one": "", "its id": first.String(), "a prefix": first.String()[:9]} {
			if cx, err := journals.Resolve(text); err != nil || cx != first {
				t.Errorf("%s: %v, %v", name, cx, err)
			}
		}
	})
	h.found()
	h.lend(func(journals *Journals) {
		_, err := journals.Resolve("")
		wantProblem(t, err, messages.ExitUsage, "which context", first.String(), h.context.String())
		_, err = journals.Resolve("cx-zzzz")
		wantProblem(t, err, messages.ExitUsage, "no context is named")
		contexts, err := journals.Contexts()
		if err != nil || len(contexts) != 2 || !slices.IsSortedFunc(contexts, messages.ContextID.Compare) {
			t.Errorf("contexts %v, %v", contexts, err)
		}
	})
}

func TestSummaryCountsWhatIsHeld(t *testing.T) {
	ana := found(t)
	ben := ana.admit()
	ben.take(ana.export())
	said := ben.say("one", "two")
	file := factsOf(t, ben.export())
	ana.take(exportOf(t, ana.context, file[len(file)-1])) // the second, which waits for the first
	ana.lendOne(func(one *Journal) {
		s := one.Summary()
		if s.Context != ana.context || s.Epoch != 1 || s.Members != 2 || s.Facts != 2 || s.Held != 3 || s.Waiting != 1 || s.Authors != 2 || s.Bytes == 0 || len(s.Fingerprint) != 64 {
			t.Errorf("%+v", s)
		}
		var lines []Line
		for line, err := range one.Facts() {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line)
		}
		last := lines[len(lines)-1]
		if len(lines) != 3 || last.Fact != said[1] || !last.Waits || last.Counts || last.Void || last.Type != chat || last.Kind != chat.String() ||
			last.Author != ben.identity.Authority() || last.Seq != 2 || last.Epoch != 1 || last.Size == 0 || time.Since(last.Time.Time()) > time.Hour {
			t.Errorf("%d lines, the last %+v", len(lines), last)
		}
	})
	ana.lendOne(func(one *Journal) {
		ana.harm(ana.context)
		var last error
		for _, err := range one.Facts() {
			last = err
		}
		wantProblem(t, last, messages.ExitFailed, "damaged")
		_, err := one.Fact(said[1].String())
		wantProblem(t, err, messages.ExitFailed, "damaged")
	})
	ana.lend(func(journals *Journals) {
		_, err := journals.Journal(ana.context)
		wantProblem(t, err, messages.ExitFailed, "damaged")
		_, err = journals.Verify(ana.context)
		wantProblem(t, err, messages.ExitFailed, "damaged")
		_, err = journals.Journal(messages.ContextID{1})
		wantProblem(t, err, messages.ExitFailed, "does not exist")
	})
}

func TestFactIsFoundByItsName(t *testing.T) {
	h := found(t)
	var texts []string
	for n := range 40 { // more than there are letters
		texts = append(texts, fmt.Sprint(n))
	}
	said := h.say(texts...)
	firsts := map[string]int{}
	for _, id := range said {
		firsts[id.String()[:4]]++
	}
	h.lendOne(func(one *Journal) {
		id := said[7].String()
		for _, text := range []string{id, id[:20], id[3:20]} {
			if fact, err := one.Fact(text); err != nil || string(fact.Body) != "7" || fact.Fact != said[7] {
				t.Errorf("%s: %+v, %v", text, fact, err)
			}
		}
		for prefix, n := range firsts {
			if n > 1 {
				_, err := one.Fact(prefix)
				wantProblem(t, err, messages.ExitUsage, fmt.Sprintf("%q names more than one fact", prefix), "more characters")
			}
		}
		for _, text := range []string{"", "ft-", "f", id[3:6]} {
			_, err := one.Fact(text)
			wantProblem(t, err, messages.ExitUsage, "at least 4 characters")
		}
		_, err := one.Fact("ft-11111\x1b[31m")
		wantProblem(t, err, messages.ExitUsage, "no fact is named", "none of the 41 facts begins so")
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q is not safe for a terminal", err)
		}
	})
}

// A body that does not open is its author's fault.
func TestFactThatDoesNotOpenSaysWhy(t *testing.T) {
	ana := found(t)
	good := ana.say("good")[0]
	wrong := ana.seal(func(key *messages.SecretKey) { key[0]++ })
	ana.take(exportOf(t, ana.context, wrong))
	ana.lendOne(func(one *Journal) {
		if fact, err := one.Fact(wrong.ID().String()); err != nil || fact.Opens || fact.Body != nil || fact.Signature != "good" {
			t.Errorf("sealed wrongly: %+v, %v", fact, err)
		}
		if fact, err := one.Fact(good.String()); err != nil || !fact.Opens || string(fact.Body) != "good" {
			t.Errorf("sealed well: %+v, %v", fact, err)
		}
	})
}

// seal makes the next fact of the home's own chain, under a key that was changed.
func (h *home) seal(change func(key *messages.SecretKey)) (fact messages.Fact) {
	h.lendOne(func(one *Journal) {
		view := one.machine.View()
		keys, last := view.Keys[view.Epoch], view.Frontier[h.identity.Authority()]
		change(&keys.Payload)
		var err error
		fact, err = journal.Seal(h.identity, messages.Chained{
			Version: messages.FactVersion, Context: h.context, Author: h.identity.Authority(), Seq: last.Seq + 1, Prev: last.Fact,
			HLC: messages.HLC(0).Next(messages.MillisOf(time.Now())), Epoch: keys.Epoch, KeyID: keys.KeyID, Type: chat, Schema: 1,
		}, keys.Payload, []byte("sealed"), rand.Reader)
		if err != nil {
			h.t.Fatal(err)
		}
	})
	return fact
}

// SPEC 3.4: "facts of the closed epoch beyond the cut are never reduced". SPEC
// 9.7: "Two valid commits for one slot are kept both …; the state stays at the
// last finalized one": what was said in an epoch that one of them opened is void.
func TestFactThatDoesNotCountSaysWhy(t *testing.T) {
	ana := found(t)
	ben := ana.admit()
	ben.take(ana.export())
	late := ben.say("late")[0]
	ana.do(messages.RemoveMember{Operation: ana.operation(), Member: ben.identity.Authority()})
	ana.take(ben.export())
	twin := ana.twin()
	for _, h := range []*home{ana, twin} {
		h.do(messages.AdvanceEpoch{Operation: h.operation()})
	}
	void := ana.say("of one of two epochs")[0]
	if _, err := ana.take(twin.export()); err != nil {
		t.Fatal(err)
	}
	ana.lendOne(func(one *Journal) {
		seen := 0
		for line, err := range one.Facts() {
			if err != nil {
				t.Fatal(err)
			}
			switch line.Fact {
			case late:
				seen++
				if line.Counts || line.Void || line.Waits {
					t.Errorf("beyond the cut: %+v", line)
				}
			case void:
				seen++
				if line.Counts || !line.Void {
					t.Errorf("of a void epoch: %+v", line)
				}
			default:
				if !line.Counts || line.Void {
					t.Errorf("of the others: %+v", line)
				}
			}
		}
		if seen != 2 {
			t.Errorf("%d of 2 are there", seen)
		}
	})
}

// twin is a home with the same identity and the same journal, which goes on by
// itself.
func (h *home) twin() *home {
	h.t.Helper()
	twin := &home{t: h.t, dir: h.t.TempDir(), identity: h.identity, context: h.context, ops: 100}
	err := errors.Join(os.CopyFS(twin.dir, os.DirFS(h.dir)), os.Chmod(filepath.Join(twin.dir, "identity.key"), 0o600))
	if err != nil {
		h.t.Fatal(err)
	}
	return twin
}
