package offline

import (
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// Verify reads everything of one journal: the file and all its checksums, and
// every fact as if it came now, its signature and its place in its author's
// chain; and whether all of it adds up to what the journal says. The error is a
// Problem that names file, bucket and key.
func (j *Journals) Verify(cx messages.ContextID) (Summary, error) {
	opened, err := j.Journal(cx) // verifies the file
	if err != nil {
		return Summary{}, err
	}
	defer opened.Close()
	flaw, err := opened.machine.Verify(opened.file)
	if err == nil && flaw != nil {
		damage := &store.Damage{File: j.state.JournalPath(cx), Bucket: flaw.Bucket, What: flaw.What}
		if flaw.Place > 0 {
			damage.Key = flaw.Place.Key()
		}
		err = damage
	}
	if err != nil {
		return Summary{}, j.problem(cx, err)
	}
	return opened.Summary(), nil
}
