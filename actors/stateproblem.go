package actors

import (
	"errors"
	"path/filepath"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// StateProblem says what is wrong with a state directory, and what a person can do.
func StateProblem(dir string, err error) error {
	problem := messages.Problem{
		Code: messages.ExitFailed, What: "cannot use the state directory " + dir, Whose: err.Error(),
		Hint: "check the directory, or choose another --state",
	}
	var (
		damage  *store.Damage
		schema  *store.UnknownSchema
		lost    *store.Lost
		foreign *store.Foreign
		kind    *store.WrongKind
		stopped *store.Stopped
	)
	switch {
	case errors.Is(err, store.ErrInUse):
		problem.Code, problem.Whose = messages.ExitNoNode, "another process is using it"
		problem.Hint = "stop the node or relay that runs there, or choose another --state"
	case errors.Is(err, store.ErrUnclaimed):
		problem.Code, problem.Whose, problem.Hint = messages.ExitUsage, "no node has run there", "the --state of a node"
	case errors.As(err, &kind):
		problem.Code, problem.Hint = messages.ExitUsage, "a --state of its own for each node and each relay"
	case errors.As(err, &lost):
		problem.Hint = giveUp(dir, lost.File)
	case errors.As(err, &foreign):
		problem.Hint = "put the right key back, or move all else in the directory away, to go on as " + foreign.Other
	case errors.As(err, &damage):
		problem.Hint = giveUp(dir, damage.File)
	case errors.As(err, &stopped):
		problem.Whose, problem.Hint = "a write failed: "+stopped.Error(), mendDisk
	case errors.As(err, &schema):
		problem.Hint = "use the release that wrote it, or a newer one"
	}
	return problem
}

// mendDisk is what is left to do after a write that failed.
const mendDisk = "make room on the disk, or mend it, and start the node again: nothing that was acknowledged is lost"

// journalProblem says that a journal has stopped, and with it the node.
func journalProblem(cx messages.ContextID, reason string) error {
	return messages.Problem{
		Code: messages.ExitGaveUp, What: "the journal of " + cx.Short() + " has stopped", Whose: reason, Hint: mendDisk,
	}
}

// notMade says that there is no journal of a context that was to be made, or that
// there may be one all the same.
func notMade(cx messages.ContextID, err error) error {
	if errors.Is(err, store.ErrClosed) {
		return ErrStopped
	}
	problem := messages.Problem{
		Code: messages.ExitFailed, What: "cannot make the journal of " + cx.Short(), Whose: err.Error(),
		Hint: "make room on the disk, or mend it, and try again: nothing of it is left",
	}
	var left *store.Left
	if errors.As(err, &left) {
		problem.Hint = "mend the disk, start the node again, and see in `waymeet status` whether " + cx.String() + " is there, before you try again"
	}
	return problem
}

// giveUp is how one goes on where a file of the state directory is damaged or gone.
func giveUp(dir, file string) string {
	const restore = "restore the file from a backup, or "
	name, err := filepath.Rel(dir, file)
	if err != nil {
		name = file
	}
	switch name {
	case store.IdentityFile:
		return restore + "move all else in the directory away, to start as somebody new"
	case store.ManifestFile:
		return restore + "move it away: it is made again from what is there"
	case store.NodeFile:
		return restore + "give it up: move it away if it is there, and take its line out of " + filepath.Join(dir, store.ManifestFile)
	}
	return restore + "give it up: move it away if it is there, take its line out of " + filepath.Join(dir, store.ManifestFile) +
		", and have the founder of the context invite this node again; what only the founder had is lost with it"
}
