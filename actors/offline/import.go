package offline

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/transport/store"
)

// Imported says what became of the facts of an export.
type Imported struct {
	Context messages.ContextID `json:"context"`
	// Admitted is how many are new here and on disk now, Held how many were here
	// before.
	Admitted int `json:"admitted"`
	Held     int `json:"held"`
	// Pending is how many were not kept because the epoch that they are of is not
	// here, or their hour has not come; Refused how many no member may have said, or
	// come when too many of their author wait for others.
	Pending int `json:"pending"`
	Refused int `json:"refused"`
	// Reasons are the first reasons of those that were refused.
	Reasons []string `json:"reasons"`
	// Uncounted is how many of its facts are here, and neither count nor have anything
	// that counts stand on them; More how many count here that it does not hold.
	Uncounted int `json:"uncounted"`
	More      int `json:"more"`
	// Sound: its facts are those that it says it was made of.
	Sound bool `json:"sound"`
	// Complete: the journal agrees with the export now.
	Complete bool `json:"complete"`
}

const (
	// importAtOnce is how many facts go into one transaction.
	importAtOnce = 512
	// maxReasons bounds the reasons that are told.
	maxReasons = 8
)

// Verdict is nil if everything of the export is here now and counts. Else it is a
// Problem, with ExitWaiting where another import may mend it.
func (i Imported) Verdict() error {
	problem := messages.Problem{Code: messages.ExitFailed, What: "the journal does not agree with the export"}
	switch {
	case i.Refused > 0:
		problem.Whose = fmt.Sprintf("%s refused: %s", facts(i.Refused, "was", "were"), i.Reasons[0])
		problem.Hint = "an export of another member"
	case !i.Sound:
		problem.Whose = "the facts in the file are not those that it was made of"
		problem.Hint = "an export of another member"
	case i.Pending > 0:
		problem.Code = messages.ExitWaiting
		problem.Whose = facts(i.Pending, "is", "are") + " pending: the key of their epoch is not here, or their hour has not come"
		problem.Hint = "a newer export, or this one again later; a node that was removed gets no key any more"
	case i.Uncounted > 0:
		problem.Whose = facts(i.Uncounted, "does", "do") + " not count here: their epoch was closed without them, or is void, or what they stand on is missing"
		problem.Hint = "waymeet journal ls " + i.Context.String()
	default:
		return nil
	}
	return problem
}

// facts says of how many facts something is true.
func facts(n int, one, many string) string {
	if n == 1 {
		return "1 of its facts " + one
	}
	return fmt.Sprintf("%d of its facts %s", n, many)
}

// Import admits the facts of an export as if a peer had sent them. Facts that are
// refused change nothing; a file that is damaged or cut short has been admitted as
// far as it went, which is safe: facts stand for themselves.
func (j *Journals) Import(from io.Reader) (Imported, error) {
	export, err := messages.NewExportReader(from)
	if err != nil {
		return Imported{}, notImported(err)
	}
	file, err := j.state.Journal(export.Context)
	if errors.Is(err, store.ErrAbsent) {
		return Imported{}, messages.Problem{
			Code: messages.ExitUsage, What: "the export is of " + export.Context.String(), Whose: "this node is not a member of that context",
			Hint: "waymeet join, to become one",
		}
	}
	if err != nil {
		return Imported{}, j.problem(export.Context, err)
	}
	defer file.Close()
	i := &importer{writer: file.Writer(), held: map[messages.FactID]bool{}, read: map[messages.FactID]messages.Signature{}}
	i.result = Imported{Context: export.Context, Reasons: []string{}}
	i.machine, err = journal.Load(journal.Config{Identity: j.identity, Random: rand.Reader}, i.writer)
	if err != nil {
		return Imported{}, j.problem(export.Context, err)
	}
	for _, held := range i.machine.Survey() {
		i.held[held.Fact] = true
	}
	err = i.all(export)
	opened := &Journal{journals: j, context: export.Context, file: file, machine: i.machine}
	carried, unread := opened.carried()
	i.compare(carried)
	if err = cmp.Or(err, unread); err == nil {
		i.result.Sound = i.harmed == 0 && journal.Fingerprint(slices.Collect(maps.Keys(i.read))) == export.Fingerprint
		count, fingerprint := described(carried)
		i.result.Complete = i.result.Sound && count == export.Count && fingerprint == export.Fingerprint
	}
	return i.result, err
}

func notImported(err error) error {
	return messages.Problem{Code: messages.ExitFailed, What: "the import is not complete", Whose: err.Error(), Hint: "a file that waymeet journal export has written"}
}

// importer drives the journal's machine. It does no errands for it, so that nothing
// of our own is appended here: a peer may hold more of our chain than we do.
type importer struct {
	machine *journal.Journal
	writer  *store.Writer
	result  Imported
	// held are the facts that were here before.
	held map[messages.FactID]bool
	// read are the facts that were read, with their signatures; unread counts what is
	// none.
	read   map[messages.FactID]messages.Signature
	unread int
	// harmed is how many of those that were read have another body than their id says,
	// or a signature that the machine does not look at and their author has not made.
	harmed int
	// write is what the machine wants on disk.
	write *journal.Write
	// failed says why the machine has stopped.
	failed string
}

// all takes in an export, many facts a transaction: the first of them makes the
// machine write, and the others wait for that.
func (i *importer) all(export *messages.ExportReader) error {
	for end := false; !end; {
		for range importAtOnce {
			fact, err := export.Next()
			if errors.Is(err, io.EOF) {
				end = true
				break
			}
			if err != nil {
				if failed := i.flush(); failed != nil {
					return failed
				}
				return notImported(err)
			}
			i.note(fact)
			i.step(messages.OfferFacts{Facts: [][]byte{fact}})
		}
		if err := i.flush(); err != nil {
			return err
		}
	}
	return nil
}

// note remembers what was read.
func (i *importer) note(raw []byte) {
	fact, err := messages.ParseFact(raw)
	if err != nil {
		i.unread++
		return
	}
	id := fact.ID()
	signature, again := i.read[id]
	i.read[id] = fact.Signature
	// Of a fact that is held, the machine looks at no more than the id.
	if !fact.BodyMatches() || again && signature != fact.Signature || i.held[id] && i.machine.Forged(fact) {
		i.harmed++
	}
}

// flush writes until the machine has nothing more to write.
func (i *importer) flush() error {
	for i.write != nil {
		write := *i.write
		i.write = nil
		written := messages.Written{Batch: write.Batch}
		if err := i.writer.Write(write.Records); err != nil {
			written.Failure = err.Error()
		}
		i.step(written)
	}
	if i.failed != "" {
		return messages.Problem{Code: messages.ExitFailed, What: "the import is not complete", Whose: i.failed, Hint: "check the disk"}
	}
	return nil
}

func (i *importer) step(event messages.JournalMessage) {
	for _, effect := range i.machine.Step(time.Now(), event) {
		switch e := effect.(type) {
		case journal.Write:
			i.write = &e
		case journal.TellSync:
			if offered, ok := e.Message.(messages.FactsOffered); ok {
				i.count(offered)
			}
		case journal.Stopped:
			i.failed = e.Reason
		}
	}
}

// count takes in what became of a fact, and of those that had waited for it.
func (i *importer) count(offered messages.FactsOffered) {
	i.result.Admitted += offered.Admitted
	i.result.Held += offered.Held
	i.result.Refused += offered.Refused
	reason := offered.Fault
	if reason == "" {
		reason = "too many facts of its author wait for others"
	}
	if offered.Refused > 0 && len(i.result.Reasons) < maxReasons {
		i.result.Reasons = append(i.result.Reasons, reason)
	}
}

// compare holds the facts that were read against those that are here now, of which
// an export would carry those.
func (i *importer) compare(carried []journal.Held) {
	isCarried := map[messages.FactID]bool{}
	for _, held := range carried {
		isCarried[held.Fact] = true
	}
	survey, here := i.machine.Survey(), 0
	for _, held := range survey {
		switch _, read := i.read[held.Fact]; {
		case read && isCarried[held.Fact]:
			here++
		case read:
			here++
			i.result.Uncounted++
		case held.Counts:
			i.result.More++
		}
	}
	if i.failed == "" { // else nobody knows what is on disk of the last ones
		i.result.Admitted = len(survey) - len(i.held) // the hour of some may have come meanwhile
	}
	i.result.Pending = max(0, len(i.read)-here-(i.result.Refused-i.unread))
}
