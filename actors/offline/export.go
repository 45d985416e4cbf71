package offline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// Exported says what was written.
type Exported struct {
	Context     messages.ContextID `json:"context"`
	Facts       uint64             `json:"facts"`
	Fingerprint string             `json:"fingerprint"`
}

// Export writes all facts that count, sealed as they are: nodes with equal
// fingerprints write the same bytes, as far as authors sign each fact once.
func (j *Journal) Export(to io.Writer) (Exported, error) {
	w, err := messages.NewExportWriter(to, j.context)
	if err != nil {
		return Exported{}, notExported(err)
	}
	for held, fact := range j.read(j.machine.Survey()) {
		if fact.err != nil {
			return Exported{}, fact.err
		}
		if !held.Counts {
			continue
		}
		if err := w.Write(fact.raw); err != nil {
			return Exported{}, notExported(err)
		}
	}
	view := j.machine.View()
	if err := w.End(view.Count, view.Fingerprint); err != nil {
		return Exported{}, notExported(err)
	}
	return Exported{j.context, view.Count, fmt.Sprintf("%x", view.Fingerprint)}, nil
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
