package offline

import (
	"bytes"
	"crypto/rand"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/transport/store"
)

// chat is what the hosts of these tests say.
const chat = messages.FactApplication

// home is the state directory of a node that does not run. What its node has said
// and learned was written by the machine that a node drives.
type home struct {
	t        *testing.T
	dir      string
	identity membership.Identity
	context  messages.ContextID
	ops      byte
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir()}
	seed, err := store.Directory(h.dir).Claim(store.KindNode)
	if err != nil {
		t.Fatal(err)
	}
	h.identity = membership.NewIdentity(seed)
	return h
}

// found is the home of a node that has founded a context.
func found(t *testing.T) *home {
	t.Helper()
	h := newHome(t)
	h.found()
	return h
}

// found founds a context more, which is what it means from then on.
func (h *home) found() {
	h.t.Helper()
	cx, records, err := journal.Found(h.identity, rand.Reader, messages.MillisOf(time.Now()))
	if err != nil {
		h.t.Fatal(err)
	}
	h.begin(cx, records)
}

func (h *home) begin(cx messages.ContextID, records []messages.Record) {
	h.t.Helper()
	if err := store.Directory(h.dir).Create(cx, records); err != nil {
		h.t.Fatal(err)
	}
	h.context = cx
}

// do has the journal's machine do something, and returns what it answers.
func (h *home) do(event messages.JournalMessage) (reply journal.Reply) {
	h.t.Helper()
	file, err := store.Directory(h.dir).Journal(h.context)
	if err != nil {
		h.t.Fatal(err)
	}
	machine, err := journal.Load(journal.Config{Identity: h.identity, Random: rand.Reader}, file)
	if err != nil {
		h.t.Fatal(err)
	}
	for events := []messages.JournalMessage{event}; len(events) > 0; events = events[1:] {
		for _, effect := range machine.Step(time.Now(), events[0]) {
			switch e := effect.(type) {
			case journal.Write:
				if err := file.Writer().Write(e.Records); err != nil {
					h.t.Fatal(err)
				}
				events = append(events, messages.Written{Batch: e.Batch})
			case journal.Reply:
				reply = e
			}
		}
	}
	if err := file.Close(); err != nil {
		h.t.Fatal(err)
	}
	if reply.Refusal != "" {
		h.t.Fatal(reply.Refusal)
	}
	return reply
}

func (h *home) operation() messages.OperationID {
	h.ops++
	return messages.OperationID{h.ops, 1}
}

// say appends what the host says, and returns the ids.
func (h *home) say(texts ...string) []messages.FactID {
	h.t.Helper()
	commit := messages.Commit{Operation: h.operation()}
	for _, text := range texts {
		commit.Facts = append(commit.Facts, messages.ApplicationFact{Type: chat, Body: []byte(text)})
	}
	return h.do(commit).Facts
}

// admit makes a home of somebody who has just joined, with the facts still to
// come.
func (h *home) admit() *home {
	h.t.Helper()
	joiner := newHome(h.t)
	reply := h.do(messages.AddMember{Operation: h.operation(), Member: joiner.identity.Public(), Role: messages.RoleParticipant})
	_, secret, err := reply.Welcome.Accept(joiner.identity, h.context, h.identity.Public())
	if err != nil {
		h.t.Fatal(err)
	}
	joiner.begin(h.context, journal.Join(*reply.Welcome, secret))
	return joiner
}

// lend lends the journals.
func (h *home) lend(use func(*Journals)) {
	h.t.Helper()
	journals, err := Open(h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	defer journals.Close()
	use(journals)
}

// lendOne lends the journal of the context.
func (h *home) lendOne(use func(*Journal)) {
	h.t.Helper()
	h.lend(func(journals *Journals) {
		one, err := journals.Journal(h.context)
		if err != nil {
			h.t.Fatal(err)
		}
		defer one.Close()
		use(one)
	})
}

// export is what its journal exports.
func (h *home) export() (file []byte) {
	h.t.Helper()
	h.lendOne(func(one *Journal) {
		var b bytes.Buffer
		if _, err := one.Export(&b); err != nil {
			h.t.Fatal(err)
		}
		file = b.Bytes()
	})
	return file
}

// take imports an export, after which the journal is sound.
func (h *home) take(file []byte) (imported Imported, err error) {
	h.t.Helper()
	h.lend(func(journals *Journals) {
		imported, err = journals.Import(bytes.NewReader(file))
		if _, err := journals.Verify(h.context); err != nil {
			h.t.Errorf("after an import: %v", err)
		}
	})
	return imported, err
}

// factsOf are those of an export, in its order.
func factsOf(t *testing.T, file []byte) (all []messages.Fact) {
	t.Helper()
	export, err := messages.NewExportReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		raw, err := export.Next()
		if err != nil {
			return all
		}
		fact, err := messages.ParseFact(raw)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fact)
	}
}

// exportOf is a file with those facts, as if they were all.
func exportOf(t *testing.T, cx messages.ContextID, facts ...messages.Fact) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := messages.NewExportWriter(&b, cx)
	ids := map[messages.FactID]bool{}
	for _, fact := range facts {
		err = errors.Join(err, w.Write(fact.Append(nil)))
		ids[fact.ID()] = true
	}
	if err := errors.Join(err, w.End(uint64(len(facts)), journal.Fingerprint(slices.Collect(maps.Keys(ids))))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// harm takes everything away from the file of a context but its two heads.
func (h *home) harm(cx messages.ContextID) {
	h.t.Helper()
	path := store.Directory(h.dir).JournalPath(cx)
	b, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	clear(b[2*os.Getpagesize():])
	if err := os.WriteFile(path, b, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// wantProblem checks that an error is one for people, with that code, and says
// the words.
func wantProblem(t *testing.T, err error, code messages.ExitCode, words ...string) {
	t.Helper()
	var problem messages.Problem
	if !errors.As(err, &problem) || problem.Code != code || problem.Hint == "" || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %+v, want a problem with code %d", err, code)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

// files are the names in a directory.
func files(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.Join(names, " "), dir+"/", "")
}
