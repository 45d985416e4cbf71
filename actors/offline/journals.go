package offline

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"syscall"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/transport/admin"
	"github.com/waymeet/waymeet/transport/store"
)

// Journals are the journals of a state directory whose node does not run. It is
// not safe for concurrent use.
type Journals struct {
	state    store.Directory
	lock     *store.Lock
	identity membership.Identity
}

// Open takes the state directory. Errors: a Problem, ExitNoNode while a node runs
// there.
func Open(dir string) (*Journals, error) {
	if dir == "" {
		return nil, messages.Problem{Code: messages.ExitUsage, What: "no state directory", Whose: "its name is empty", Hint: "the state directory of a node"}
	}
	state := store.Directory(dir)
	seed, err := state.Identity(store.KindNode) // before the lock: who only looks makes nothing
	if err != nil {
		return nil, actors.StateProblem(dir, err)
	}
	lock, err := state.Lock()
	if err != nil {
		return nil, notLocked(dir, err)
	}
	return &Journals{state: state, lock: lock, identity: membership.NewIdentity(seed)}, nil
}

// notLocked says why nobody can look: nothing is read without the lock, and so
// nothing where the lock cannot be made.
func notLocked(dir string, err error) error {
	problem := messages.Problem{}
	if errors.As(actors.StateProblem(dir, err), &problem) && errors.Is(err, syscall.EROFS) {
		problem.Hint = "look into a copy, on a disk that can be written, and run no node there"
	}
	return problem
}

// Close lets go of the state directory.
func (j *Journals) Close() error { return j.lock.Release() }

// Contexts are the contexts that have a journal, sorted.
func (j *Journals) Contexts() ([]messages.ContextID, error) {
	contexts, err := j.state.Contexts()
	if err != nil {
		return nil, actors.StateProblem(string(j.state), err)
	}
	slices.SortFunc(contexts, messages.ContextID.Compare)
	return contexts, nil
}

// Resolve says which of them a person meant: an id or a unique prefix; empty means
// the only one. The error is a Problem that lists them.
func (j *Journals) Resolve(text string) (messages.ContextID, error) {
	contexts, err := j.Contexts()
	if err != nil {
		return messages.ContextID{}, err
	}
	if text == "" && len(contexts) == 1 {
		return contexts[0], nil
	}
	var known []messages.ContextStatus
	for _, cx := range contexts {
		known = append(known, messages.ContextStatus{Context: cx})
	}
	cx, err := admin.ResolveContext(text, known)
	var problem messages.Problem
	if text == "" && errors.As(err, &problem) && len(known) > 0 {
		problem.Hint = "one of these, behind the verb"
		err = problem
	}
	return cx, err
}

// Journal opens one of them. Its file is verified by that.
func (j *Journals) Journal(cx messages.ContextID) (*Journal, error) {
	file, err := j.state.Journal(cx)
	if err != nil {
		return nil, j.problem(cx, err)
	}
	machine, err := journal.Load(journal.Config{Identity: j.identity}, file)
	if err != nil {
		return nil, errors.Join(j.problem(cx, err), file.Close())
	}
	return &Journal{journals: j, context: cx, file: file, machine: machine}, nil
}

// problem says what is wrong with the journal of a context. A record whose bytes
// are those that were written, and that nobody can read, is damage too.
func (j *Journals) problem(cx messages.ContextID, err error) error {
	if errors.Is(err, journal.ErrRecord) {
		err = &store.Damage{File: j.state.JournalPath(cx), What: err.Error()}
	}
	return actors.StateProblem(string(j.state), err)
}

// Journal is one journal, open.
type Journal struct {
	journals *Journals
	context  messages.ContextID
	file     *store.Store
	machine  *journal.Journal
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// Summary is what a journal holds, counted.
type Summary struct {
	Context messages.ContextID `json:"context"`
	Epoch   messages.Epoch     `json:"epoch"`
	Members int                `json:"members"`
	// Facts is how many count, Fingerprint the hex form of theirs.
	Facts       uint64 `json:"facts"`
	Fingerprint string `json:"fingerprint"`
	// Held is how many are there: those that do not count, too.
	Held int `json:"held"`
	// Waiting is how many of them wait for others that they stand on.
	Waiting int `json:"waiting"`
	// Authors is how many have said something, Bytes the size of all facts.
	Authors int   `json:"authors"`
	Bytes   int64 `json:"bytes"`
}

// Summary counts.
func (j *Journal) Summary() Summary {
	view := j.machine.View()
	s := Summary{
		Context: j.context, Epoch: view.Epoch, Members: view.Roster.Len(), Facts: view.Count,
		Fingerprint: fmt.Sprintf("%x", view.Fingerprint),
	}
	authors := map[messages.AuthorityID]bool{}
	for _, held := range j.machine.Survey() {
		authors[held.Author] = true
		s.Held++
		s.Bytes += int64(held.Size)
		if held.Waits {
			s.Waiting++
		}
	}
	s.Authors = len(authors)
	return s
}

// Line is one fact, as its header and the journal tell of it.
type Line struct {
	Fact   messages.FactID      `json:"fact"`
	Type   messages.FactType    `json:"type"`
	Kind   string               `json:"kind"`
	Author messages.AuthorityID `json:"author"`
	Seq    messages.Seq         `json:"seq"`
	// Time is when its author appended it, by the author's clock.
	Time  messages.Millis `json:"time_ms"`
	Epoch messages.Epoch  `json:"epoch"`
	Size  int             `json:"size"`
	// Counts: it is in count and fingerprint.
	Counts bool `json:"counts"`
	// Why it does not count. Void: it is of an epoch that is none of the context's,
	// for a rival op contests the one that opened it. Waits: facts that it stands on
	// are missing. Else it lies beyond the cut of its epoch (SPEC 3.4).
	Void  bool `json:"void,omitempty"`
	Waits bool `json:"waits,omitempty"`
}

// Facts are all facts, in the order of (HLC, FactID). An error ends the sequence.
func (j *Journal) Facts() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for held, fact := range j.read(j.machine.Survey()) {
			if fact.err != nil {
				yield(Line{}, fact.err)
				return
			}
			if !yield(lineOf(held, fact.Fact), nil) {
				return
			}
		}
	}
}

func lineOf(held journal.Held, fact messages.Fact) Line {
	header := fact.Header
	return Line{
		Fact: held.Fact, Type: header.Type, Kind: header.Type.String(), Author: held.Author, Seq: held.Seq, Time: held.HLC.Millis(),
		Epoch: held.Epoch, Size: held.Size, Counts: held.Counts, Void: held.Void, Waits: held.Waits,
	}
}

// readAtOnce is how many facts are read in one transaction.
const readAtOnce = 256

// readFact is a fact from the file, or why it cannot be read.
type readFact struct {
	messages.Fact
	raw []byte
	err error
}

// read reads facts in the order that is given. An error ends the sequence.
func (j *Journal) read(survey []journal.Held) iter.Seq2[journal.Held, readFact] {
	return func(yield func(journal.Held, readFact) bool) {
		for chunk := range slices.Chunk(survey, readAtOnce) {
			places := make([]messages.FactPlace, len(chunk))
			for at, held := range chunk {
				places[at] = held.FactPlace
			}
			facts, err := j.file.Facts(places)
			if err != nil {
				yield(journal.Held{}, readFact{err: j.journals.problem(j.context, err)})
				return
			}
			for at, raw := range facts {
				fact, err := messages.ParseFact(raw)
				if err != nil {
					panic("offline: a fact that the file gives: " + err.Error())
				}
				if !yield(chunk[at], readFact{fact, raw, nil}) {
					return
				}
			}
		}
	}
}

// Detail is all that is known of one fact.
type Detail struct {
	Line
	Version uint16            `json:"version"`
	Prev    messages.FactID   `json:"prev"`
	Parents []messages.FactID `json:"parents"`
	// HLC is the whole reading: milliseconds << 16 | counter.
	HLC      messages.HLC    `json:"hlc,string"`
	KeyID    string          `json:"key_id"`
	Schema   uint16          `json:"schema"`
	Again    messages.FactID `json:"again,omitzero"`
	BodyHash string          `json:"body_hash"`
	// Signature is "good" or what is wrong with it.
	Signature string `json:"signature"`
	// Opens: the body opens, or else its author sealed it wrongly; Body is what the
	// fact says then, as it was encoded.
	Opens bool   `json:"opens"`
	Body  []byte `json:"body,omitempty"`
	// Says is that in words, where the fact is of Waymeet's own.
	Says string `json:"says,omitempty"`
}

// Fact is all about the fact with that id, or a unique prefix of its text. The
// error is a Problem.
func (j *Journal) Fact(text string) (Detail, error) {
	var found []journal.Held
	survey := j.machine.Survey()
	for _, held := range survey {
		id := held.Fact.String()
		_, letters, _ := strings.Cut(id, "-")
		if len(text) >= minPrefix && (strings.HasPrefix(id, text) || strings.HasPrefix(letters, text)) {
			found = append(found, held)
		}
	}
	if len(found) != 1 {
		return Detail{}, j.unnamed(text, len(found), len(survey))
	}
	for held, fact := range j.read(found) {
		if fact.err != nil {
			return Detail{}, fact.err
		}
		return j.detail(held, fact.Fact), nil
	}
	panic("offline: one fact was found, and none is read")
}

const minPrefix = 4

// unnamed says why a text names no fact, though so many of all begin so.
func (j *Journal) unnamed(text string, hits, all int) error {
	quoted := messages.Printable(fmt.Sprintf("%q", text))
	problem := messages.Problem{Code: messages.ExitUsage, What: "no fact is named " + quoted, Hint: "waymeet journal ls " + j.context.String()}
	switch {
	case len(text) < minPrefix:
		problem.Whose = fmt.Sprintf("a prefix has at least %d characters", minPrefix)
	case hits > 1:
		problem.What = quoted + " names more than one fact"
		problem.Whose = fmt.Sprintf("%d of the %d facts begin so", hits, all)
		problem.Hint = "more characters of the one that you mean"
	default:
		problem.Whose = fmt.Sprintf("none of the %d facts begins so", all)
	}
	return problem
}

func (j *Journal) detail(held journal.Held, fact messages.Fact) Detail {
	header := fact.Header
	detail := Detail{
		Line: lineOf(held, fact), Version: header.Version, Prev: header.Prev, Parents: header.Parents, HLC: header.HLC,
		KeyID: fmt.Sprintf("%x", header.KeyID), Schema: header.Schema, Again: messages.FactID(header.Again),
		BodyHash: fmt.Sprintf("%x", header.BodyHash), Signature: "good",
	}
	switch key, known := j.machine.Signer(fact); {
	case !known:
		detail.Signature = "its author is in no roster of its epoch"
	case !fact.SignedBy(key):
		detail.Signature = "not of its author"
	case !fact.BodyMatches():
		detail.Signature = "good, and the body is not the one that was signed"
	}
	if body, err := j.machine.Open(fact); err == nil {
		detail.Opens, detail.Body, detail.Says = true, body, says(header, body)
	}
	return detail
}
