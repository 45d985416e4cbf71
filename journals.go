package waymeet

import "github.com/waymeet/waymeet/actors/offline"

// What can be done with the journals of a node that does not run.
type (
	// Journals are the journals of a state directory: Contexts, Resolve, Journal,
	// Verify, Import. `go doc actors/offline.Journals` has its methods.
	Journals = offline.Journals
	// Journal is one of them, open: Summary, Facts, Fact, Export. `go doc
	// actors/offline.Journal` has its methods.
	Journal = offline.Journal
	// JournalSummary is what a journal holds, counted.
	JournalSummary = offline.Summary
	// JournalLine is one fact of a journal.
	JournalLine = offline.Line
	// JournalFact is all that is known of one fact.
	JournalFact = offline.Detail
	// Exported says what an export holds.
	Exported = offline.Exported
	// Imported says what became of the facts of an export.
	Imported = offline.Imported
)

// OpenJournals takes the state directory of a node that does not run; no node
// starts there before Close. The error is a Problem, with ExitNoNode while one
// runs.
func OpenJournals(stateDir string) (*Journals, error) { return offline.Open(stateDir) }
