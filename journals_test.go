package waymeet_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/transport/store"
)

// pen writes facts as the node of a state directory would, and as no node of this
// version does. The node must not run.
type pen struct {
	identity membership.Identity
	keys     membership.Keys
	at       messages.Chained
}

// takePen reads where the node's chain stands.
func takePen(t *testing.T, dir string, cx waymeet.ContextID) *pen {
	t.Helper()
	seed, err := store.Directory(dir).Identity(store.KindNode)
	if err != nil {
		t.Fatal(err)
	}
	file, err := store.Directory(dir).Journal(cx)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := &pen{identity: membership.NewIdentity(seed)}
	machine, err := journal.Load(journal.Config{Identity: p.identity}, file)
	if err != nil {
		t.Fatal(err)
	}
	view := machine.View()
	p.keys = view.Keys[view.Epoch]
	last := view.Frontier[p.identity.Authority()]
	p.at = messages.Chained{
		Version: messages.FactVersion, Context: cx, Author: p.identity.Authority(), Seq: last.Seq, Prev: last.Fact,
		HLC: messages.HLC(0).Next(messages.MillisOf(time.Now())), Epoch: p.keys.Epoch, KeyID: p.keys.KeyID,
	}
	return p
}

// write is the next fact of the chain.
func (p *pen) write(t *testing.T, kind messages.FactType, schema uint16, plaintext []byte) messages.Fact {
	t.Helper()
	p.at.Seq, p.at.HLC, p.at.Type, p.at.Schema = p.at.Seq+1, p.at.HLC+1, kind, schema
	fact, err := journal.Seal(p.identity, p.at, p.keys.Payload, plaintext, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.at.Prev = fact.ID()
	return fact
}

// exportOf is a file with those facts, as if they were all.
func exportOf(t *testing.T, cx waymeet.ContextID, facts ...messages.Fact) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := messages.NewExportWriter(&b, cx)
	var ids []messages.FactID
	for _, fact := range facts {
		err = errors.Join(err, w.Write(fact.Append(nil)))
		ids = append(ids, fact.ID())
	}
	if err := errors.Join(err, w.End(uint64(len(facts)), journal.Fingerprint(ids))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withJournals lends the journals of a node that does not run.
func withJournals(t *testing.T, dir string, use func(*waymeet.Journals)) {
	t.Helper()
	journals, err := waymeet.OpenJournals(dir)
	if err != nil {
		t.Fatal(err)
	}
	use(journals)
	if err := journals.Close(); err != nil {
		t.Error(err)
	}
}

// withJournal lends the one journal of a node that does not run.
func withJournal(t *testing.T, dir string, use func(*waymeet.Journal)) {
	t.Helper()
	withJournals(t, dir, func(journals *waymeet.Journals) {
		cx, err := journals.Resolve("")
		if err != nil {
			t.Fatal(err)
		}
		journal, err := journals.Journal(cx)
		if err != nil {
			t.Fatal(err)
		}
		use(journal)
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	})
}

// export is what the node's one journal exports.
func export(t *testing.T, dir string) (file []byte) {
	t.Helper()
	withJournal(t, dir, func(journal *waymeet.Journal) {
		var b bytes.Buffer
		if _, err := journal.Export(&b); err != nil {
			t.Fatal(err)
		}
		file = b.Bytes()
	})
	return file
}

// importInto reads an export into a node's journal, which stays sound.
func importInto(t *testing.T, dir string, file []byte) (imported waymeet.Imported, err error) {
	t.Helper()
	withJournals(t, dir, func(journals *waymeet.Journals) {
		imported, err = journals.Import(bytes.NewReader(file))
		contexts, listed := journals.Contexts()
		if listed != nil {
			t.Fatal(listed)
		}
		for _, cx := range contexts {
			if _, err := journals.Verify(cx); err != nil {
				t.Errorf("after an import: %v", err)
			}
		}
	})
	return imported, err
}

// lines are the facts of a journal.
func lines(t *testing.T, dir string) (all []waymeet.JournalLine) {
	t.Helper()
	withJournal(t, dir, func(journal *waymeet.Journal) {
		for line, err := range journal.Facts() {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, line)
		}
	})
	return all
}

// loner is the state directory of a node that has founded a context, said some
// things in it, and stopped.
func loner(t *testing.T, notes ...string) (dir string, cx waymeet.ContextID) {
	t.Helper()
	dir = t.TempDir()
	node := startNode(t, waymeet.Config{StateDir: dir})
	here, err := node.Found(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range notes {
		say(t, here, note)
	}
	stop(t, node)
	return dir, here.ID()
}

// SPEC 3.3: equal sets; an export of one is an export of the other.
func TestEqualJournalsExportTheSameBytes(t *testing.T) {
	t.Parallel()
	dirs := []string{t.TempDir(), t.TempDir()}
	m := meet(t, startNode(t, waymeet.Config{StateDir: dirs[0]}), startNode(t, waymeet.Config{StateDir: dirs[1]}))
	for _, text := range []string{"one", "two", "three"} {
		say(t, m.here, text)
		say(t, m.there, text)
	}
	eventually(t, "equal journals", func() bool { return contextStatus(t, m.anna) == contextStatus(t, m.ben) })
	stop(t, m.anna)
	say(t, m.there, "ben alone") // the order of arrival differs from now on
	stop(t, m.ben)
	of := export(t, dirs[1])
	imported, err := importInto(t, dirs[0], of)
	if err != nil || imported.Admitted == 0 || imported.Held == 0 || imported.Refused+imported.Pending != 0 || !imported.Complete {
		t.Fatalf("imported %+v, %v", imported, err)
	}
	if !bytes.Equal(export(t, dirs[0]), of) {
		t.Error("two nodes with one set write two files")
	}
	for _, secret := range []string{"one", "ben alone"} {
		if bytes.Contains(of, []byte(secret)) {
			t.Errorf("the export says %q to everybody", secret)
		}
	}
	own, all := len(lines(t, dirs[1])), len(lines(t, dirs[0]))
	if own != all || !slices.IsSortedFunc(lines(t, dirs[0]), func(a, b waymeet.JournalLine) int { return int(a.Time) - int(b.Time) }) {
		t.Errorf("%d and %d facts, or out of order", own, all)
	}
}

// An import is what a peer might send: nothing in it is trusted.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	dir, cx := loner(t, "a note")
	before := export(t, dir)
	p := takePen(t, dir, cx)
	good := p.write(t, chat, 1, []byte("good"))
	forged := p.write(t, chat, 1, []byte("forged"))
	forged.Signature[0]++
	torn := p.write(t, chat, 1, []byte("torn"))
	torn.Body = bytes.Clone(torn.Body)
	torn.Body[30]++
	p.at.Epoch++
	later := p.write(t, chat, 1, []byte("of an epoch that is not here"))
	p.at.Epoch, p.at.Context = 0, messages.ContextID{1}
	foreign := p.write(t, chat, 1, []byte("of another context"))

	imported, err := importInto(t, dir, exportOf(t, cx, forged, torn, later, foreign, good))
	if err != nil || imported.Admitted != 1 || imported.Held != 0 || imported.Pending != 1 || imported.Refused != 3 || imported.Complete {
		t.Errorf("imported %+v, %v", imported, err)
	}
	for at, word := range []string{"did not sign", "body", "another context"} {
		if at >= len(imported.Reasons) || !strings.Contains(imported.Reasons[at], word) {
			t.Errorf("the reasons are %q", imported.Reasons)
			break
		}
	}
	if again, err := importInto(t, dir, exportOf(t, cx, good)); err != nil || again.Held != 1 || again.Admitted != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	for name, file := range map[string][]byte{
		"another file": []byte("a letter to somebody"), "cut short": before[:len(before)-1], "another context": exportOf(t, messages.ContextID{1}, good),
	} {
		if _, err := importInto(t, dir, file); problem(t, err).Hint == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	node := startNode(t, waymeet.Config{StateDir: dir}) // whatever was imported, the node runs
	if texts, _ := read(t, node.Contexts()[0], waymeet.FactQuery{}); !slices.Equal(texts, []string{"a note", "good"}) {
		t.Errorf("the node reads %q", texts)
	}
}

// What the checksums cannot see: bytes that were written so.
func TestVerifyNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir, cx := loner(t, "a note")
	p := takePen(t, dir, cx)
	forged := p.write(t, chat, 1, []byte("forged"))
	forged.Signature[0]++
	file, err := store.Directory(dir).Journal(cx)
	if err != nil {
		t.Fatal(err)
	}
	place := messages.Place(p.at.Seq) // the one author's facts lie in their order
	err = errors.Join(file.Writer().Write([]messages.Record{{Bucket: messages.BucketFacts, Key: place.Key(), Value: forged.Append(nil)}}), file.Close())
	if err != nil {
		t.Fatal(err)
	}
	withJournals(t, dir, func(journals *waymeet.Journals) {
		_, err := journals.Verify(cx)
		for _, word := range []string{store.Directory(dir).JournalPath(cx), "bucket facts", "key 000000000000000", "did not sign"} {
			if p := problem(t, err); p.Code != waymeet.ExitFailed || !strings.Contains(err.Error(), word) {
				t.Errorf("%v does not say %q", err, word)
			}
		}
	})
}

func TestJournalsOfARunningNodeAreItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	node := startNode(t, waymeet.Config{StateDir: dir})
	if _, err := waymeet.OpenJournals(dir); problem(t, err).Code != waymeet.ExitNoNode {
		t.Errorf("while the node runs: %v", err)
	}
	stop(t, node)
	withJournals(t, dir, func(*waymeet.Journals) {
		if _, err := waymeet.Start(patient(t), waymeet.Config{StateDir: dir, Listen: loopback}); problem(t, err).Code != waymeet.ExitNoNode {
			t.Errorf("a node starts under an open journal: %v", err)
		}
	})
	if _, err := waymeet.OpenJournals(dir + "/nowhere"); problem(t, err).Code != waymeet.ExitUsage {
		t.Errorf("where nothing is: %v", err)
	}
	if _, err := waymeet.OpenJournals(""); problem(t, err).What != "no state directory" {
		t.Errorf("nowhere: %v", err)
	}
}

// SPEC 3.2: "Who is not a member can store and forward facts but read none."
func TestFactIsShownWithWhatTheKeysOpen(t *testing.T) {
	t.Parallel()
	dir, cx := loner(t, "a note")
	p := takePen(t, dir, cx)
	p.keys.Payload[0]++
	sealed := p.write(t, chat, 1, []byte("under a wrong key"))
	if _, err := importInto(t, dir, exportOf(t, cx, sealed)); err != nil {
		t.Fatal(err)
	}
	all := lines(t, dir)
	first := slices.IndexFunc(all, func(line waymeet.JournalLine) bool { return line.Type == chat })
	withJournal(t, dir, func(journal *waymeet.Journal) {
		note, err := journal.Fact(all[first].Fact.String())
		if err != nil || !note.Opens || string(note.Body) != "a note" || note.Signature != "good" || note.Type != chat {
			t.Errorf("%+v, %v", note, err)
		}
		other, err := journal.Fact(sealed.ID().Short())
		if err != nil || other.Opens || other.Body != nil || other.Seq != p.at.Seq || other.Signature != "good" {
			t.Errorf("%+v, %v", other, err)
		}
		if _, err := journal.Fact("ft-"); problem(t, err).Code != waymeet.ExitUsage {
			t.Errorf("a prefix of all: %v", err)
		}
		if _, err := journal.Export(brokenPipe{}); problem(t, err).Code != waymeet.ExitFailed {
			t.Errorf("an export that nobody takes: %v", err)
		}
	})
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
