package actors

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/transport/store"
)

// journalWriter is a member without a node: a journal and its database, in one
// thread. It makes the facts that others are given.
type journalWriter struct {
	t          testing.TB
	dir        string
	identity   membership.Identity
	context    messages.ContextID
	database   *store.Store
	journal    *journal.Journal
	writer     *store.Writer
	view       *journal.Publish
	replies    []journal.Reply
	offered    []messages.FactsOffered
	operations int
}

// newFounder is a writer that has founded a context.
func newFounder(t testing.TB, seed byte) *journalWriter {
	t.Helper()
	w := &journalWriter{t: t, dir: t.TempDir(), identity: membership.NewIdentity([32]byte{seed})}
	cx, records, err := journal.Found(w.identity, rand.Reader, messages.MillisOf(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	w.begin(cx, records)
	return w
}

// admit makes a member of the seed's authority; records are what its database
// begins with.
func (w *journalWriter) admit(seed byte) (identity membership.Identity, records []messages.Record) {
	w.t.Helper()
	identity = membership.NewIdentity([32]byte{seed})
	w.step(messages.AddMember{Operation: w.operation(), Member: identity.Public(), Role: messages.RoleParticipant})
	welcome := w.replies[len(w.replies)-1].Welcome
	if welcome == nil {
		w.t.Fatalf("no welcome: %s", w.replies[len(w.replies)-1].Refusal)
	}
	_, secret, err := welcome.Accept(identity, w.context, w.identity.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	return identity, journal.Join(*welcome, secret)
}

// member is a writer that the founder has let in, and that holds its facts.
func (w *journalWriter) member(seed byte) *journalWriter {
	w.t.Helper()
	identity, records := w.admit(seed)
	m := &journalWriter{t: w.t, dir: w.t.TempDir(), identity: identity}
	m.begin(w.context, records)
	m.learn(w.facts(1))
	return m
}

func (w *journalWriter) begin(cx messages.ContextID, records []messages.Record) {
	w.t.Helper()
	w.context = cx
	if err := store.Directory(w.dir).Create(cx, records); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// open opens the database and loads the journal.
func (w *journalWriter) open() {
	w.t.Helper()
	database, err := store.Directory(w.dir).Journal(w.context)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.close)
	w.database, w.writer = database, database.Writer()
	w.journal, err = journal.Load(journal.Config{Identity: w.identity, Random: rand.Reader, Parallel: parallel}, w.writer)
	if err != nil {
		w.t.Fatal(err)
	}
	w.step(messages.Tick{})
}

func (w *journalWriter) close() {
	w.t.Helper()
	if err := w.database.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// step runs one event and what follows from it.
func (w *journalWriter) step(event messages.JournalMessage) {
	w.t.Helper()
	for _, effect := range w.journal.Step(time.Now(), event) {
		switch e := effect.(type) {
		case journal.Write:
			if err := w.writer.Write(e.Records); err != nil {
				w.t.Fatal(err)
			}
			w.step(messages.Written{Batch: e.Batch})
		case journal.Reply:
			w.replies = append(w.replies, e)
		case journal.Publish:
			w.view = &e
		case journal.TellSync:
			if offered, ok := e.Message.(messages.FactsOffered); ok {
				w.offered = append(w.offered, offered)
			}
		}
	}
}

func (w *journalWriter) operation() messages.OperationID {
	w.operations++
	return messages.OperationID{byte(w.operations >> 16), byte(w.operations >> 8), byte(w.operations), 1}
}

// say appends n application facts of about size bytes.
func (w *journalWriter) say(n, size int) {
	w.t.Helper()
	for n > 0 {
		var commit messages.Commit
		for range min(n, 256) {
			body := fmt.Appendf(make([]byte, 0, size), "%0*d", size, n)
			commit.Facts = append(commit.Facts, messages.ApplicationFact{Type: messages.FactApplication, Body: body})
			n--
		}
		commit.Operation = w.operation()
		w.step(commit)
		if refusal := w.replies[len(w.replies)-1].Refusal; refusal != "" {
			w.t.Fatal(refusal)
		}
	}
}

// facts are those that are held, from that place on.
func (w *journalWriter) facts(from messages.Place) (facts [][]byte) {
	w.t.Helper()
	for record, err := range w.writer.RecordsFrom(messages.BucketFacts, from.Key(), uint64(from-1)) {
		if err != nil {
			w.t.Fatal(err)
		}
		facts = append(facts, record.Value)
	}
	return facts
}

// learn takes in facts of others.
func (w *journalWriter) learn(facts [][]byte) {
	w.t.Helper()
	for len(facts) > 0 {
		n := min(len(facts), journal.MaxBatchFacts)
		w.step(messages.OfferFacts{Session: 1, Facts: facts[:n]})
		if result := w.offered[len(w.offered)-1]; result.Fault != "" || result.Waiting > 0 {
			w.t.Fatalf("%+v", result)
		}
		facts = facts[n:]
	}
}

// settle prepares the state directory of a node of the seed's authority, which
// is a member of the context.
func (w *journalWriter) settle(seed byte) (dir string) {
	w.t.Helper()
	_, records := w.admit(seed)
	dir = w.t.TempDir()
	key := [32]byte{seed}
	if err := os.WriteFile(filepath.Join(dir, "identity.key"), key[:], 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := store.Directory(dir).Create(w.context, records); err != nil {
		w.t.Fatal(err)
	}
	return dir
}
