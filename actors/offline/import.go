package offline

import (
	"crypto/rand"
	"errors"
	"io"
	"time"

	"github.com/waymeet/waymeet/actors"
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
	// Waiting is how many were not kept because the epoch that they are of is not
	// here, or their hour has not come; Refused how many no member may have said.
	Waiting int `json:"waiting"`
	Refused int `json:"refused"`
	// Reasons are the first reasons of those that were refused.
	Reasons []string `json:"reasons"`
	// Complete: the journal agrees with the export now.
	Complete bool `json:"complete"`
}

const (
	// importAtOnce is how many facts go into one transaction.
	importAtOnce = 512
	// maxReasons bounds the reasons that are told.
	maxReasons = 8
)

// Import admits the facts of an export as if a peer had sent them. Facts that are
// refused change nothing; a file that is damaged or cut short has been admitted as
// far as it went, which is safe: facts stand for themselves.
func (j *Journals) Import(from io.Reader) (Imported, error) {
	export, err := messages.NewExportReader(from)
	if err != nil {
		return Imported{}, notImported(err)
	}
	file, err := store.Open(j.dir, export.Context)
	if errors.Is(err, store.ErrAbsent) {
		return Imported{}, messages.Problem{
			Code: messages.ExitUsage, What: "the export is of " + export.Context.String(), Whose: "this node is not a member of that context",
			Hint: "waymeet join, to become one",
		}
	}
	if err != nil {
		return Imported{}, actors.StateProblem(j.dir, err)
	}
	defer file.Close()
	i := &importer{writer: file.Writer()}
	i.result = Imported{Context: export.Context, Reasons: []string{}}
	i.machine, err = journal.Load(journal.Config{Identity: j.identity, Random: rand.Reader}, i.writer)
	if err != nil {
		return Imported{}, actors.StateProblem(j.dir, err)
	}
	if err := i.all(export); err != nil {
		return i.result, err
	}
	view := i.machine.View()
	i.result.Complete = view.Count == export.Count && view.Fingerprint == export.Fingerprint
	return i.result, nil
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
			i.step(messages.OfferFacts{Facts: [][]byte{fact}})
		}
		if err := i.flush(); err != nil {
			return err
		}
	}
	return nil
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
		case journal.Offered:
			i.count(e.Result)
		case journal.Stopped:
			i.failed = e.Reason
		}
	}
}

func (i *importer) count(offered messages.FactsOffered) {
	i.result.Admitted += offered.Admitted
	i.result.Held += offered.Held
	i.result.Waiting += offered.Waiting
	if offered.Admitted+offered.Held+offered.Waiting > 0 || offered.Failure != "" {
		return
	}
	i.result.Refused++
	reason := offered.Fault
	if reason == "" {
		reason = "too many facts of its author wait for others"
	}
	if len(i.result.Reasons) < maxReasons {
		i.result.Reasons = append(i.result.Reasons, reason)
	}
}
