package offline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/transport/store"
)

// Exported says what was written.
type Exported struct {
	Context messages.ContextID `json:"context"`
	// Facts is how many, Fingerprint the hex form of theirs.
	Facts       uint64 `json:"facts"`
	Fingerprint string `json:"fingerprint"`
}

// Export writes all facts that count, and those that they stand on, sealed as they
// are: nodes with equal fingerprints write the same bytes, as far as authors sign
// each fact once.
func (j *Journal) Export(to io.Writer) (Exported, error) {
	w, err := messages.NewExportWriter(to, j.context)
	if err != nil {
		return Exported{}, notExported(err)
	}
	carried, err := j.carried()
	if err != nil {
		return Exported{}, err
	}
	for _, fact := range j.read(carried) {
		if fact.err != nil {
			return Exported{}, fact.err
		}
		if err := w.Write(fact.raw); err != nil {
			return Exported{}, notExported(err)
		}
	}
	count, fingerprint := described(carried)
	if err := w.End(count, fingerprint); err != nil {
		return Exported{}, notExported(err)
	}
	return Exported{j.context, count, fmt.Sprintf("%x", fingerprint)}, nil
}

// carried are the facts of an export, in its order: those that count, and those that
// they stand on, which may lie beyond a cut. Without these, nobody could take in what
// a member wrote after it had heard of a removal too late.
func (j *Journal) carried() ([]journal.Held, error) {
	survey := j.machine.Survey()
	needed := map[messages.FactID]bool{}
	if first := slices.IndexFunc(survey, func(held journal.Held) bool { return !held.Counts }); first >= 0 {
		later := slices.Clone(survey[first:])
		slices.Reverse(later)
		for held, fact := range j.read(later) { // a fact is newer than all that it stands on
			switch {
			case fact.err != nil:
				return nil, fact.err
			case held.Counts || needed[held.Fact]:
				needed[fact.Header.Prev], needed[messages.FactID(fact.Header.Again)] = true, true
				for _, parent := range fact.Header.Parents {
					needed[parent] = true
				}
			}
		}
	}
	return slices.DeleteFunc(survey, func(held journal.Held) bool { return !held.Counts && !needed[held.Fact] }), nil
}

// described is what the end of an export says of its facts.
func described(facts []journal.Held) (count uint64, fingerprint [32]byte) {
	ids := make([]messages.FactID, len(facts))
	for at, held := range facts {
		ids[at] = held.Fact
	}
	return uint64(len(ids)), journal.Fingerprint(ids)
}

// ExportFile writes an export into a file that does not exist yet. It is there
// whole and on disk, or not at all.
func (j *Journal) ExportFile(path string) (exported Exported, err error) {
	if path == "" {
		return Exported{}, messages.Problem{Code: messages.ExitUsage, What: "no file to write", Whose: "its name is empty", Hint: "the name of a file that does not exist yet"}
	}
	if _, err := os.Lstat(path); err == nil {
		return Exported{}, messages.Problem{Code: messages.ExitFailed, What: "cannot write " + path, Whose: "it is there already", Hint: "a file that does not exist yet"}
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	var system *fs.PathError
	if errors.As(err, &system) {
		return Exported{}, messages.Problem{Code: messages.ExitFailed, What: "cannot write " + path, Whose: system.Err.Error(), Hint: "a folder that is there and that you may write to"}
	}
	if err != nil {
		return Exported{}, notExported(err)
	}
	exported, err = j.Export(file)
	if wrote := errors.Join(file.Sync(), file.Close()); err == nil && wrote != nil {
		err = notExported(wrote)
	}
	if err != nil {
		return Exported{}, errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return Exported{}, errors.Join(notExported(err), os.Remove(file.Name()))
	}
	if err := store.SyncDirectory(filepath.Dir(path)); err != nil {
		return Exported{}, notExported(err)
	}
	return exported, nil
}

func notExported(err error) error {
	if problem := (messages.Problem{}); errors.As(err, &problem) {
		return problem // the writer knows better
	}
	return messages.Problem{Code: messages.ExitFailed, What: "the export is not complete", Whose: err.Error(), Hint: "again, with room to write"}
}
