package actors

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/store"
)

// databases are the open journals. They outlive the stores that write them.
type databases struct {
	mu       sync.Mutex
	state    store.Directory
	journals map[messages.ContextID]*store.Store
	// founded are the contexts that this node founded since its start.
	founded map[messages.ContextID]bool
}

// open opens every journal of the state directory. A damaged one stops the
// node: it would otherwise act on half of what it knows.
func (d *databases) open(state store.Directory) error {
	d.state = state
	d.journals = make(map[messages.ContextID]*store.Store)
	contexts, err := state.Contexts()
	if err != nil {
		return err
	}
	for _, cx := range contexts {
		journal, err := state.Journal(cx)
		if err != nil {
			return err
		}
		d.journals[cx] = journal
	}
	return nil
}

func (d *databases) find(cx messages.ContextID) (*store.Store, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	journal, ok := d.journals[cx]
	return journal, ok
}

func (d *databases) all() []messages.ContextID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.SortedFunc(maps.Keys(d.journals), messages.ContextID.Compare)
}

// found notes that a context is being founded here and now.
func (d *databases) found(cx messages.ContextID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.founded == nil {
		d.founded = make(map[messages.ContextID]bool)
	}
	d.founded[cx] = true
}

func (d *databases) isFounded(cx messages.ContextID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.founded[cx]
}

// create makes the journal of a context; one that is there is left as it is. After an
// error none has been made, unless it is *store.Left.
func (d *databases) create(cx messages.ContextID, records []messages.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.journals == nil {
		return store.ErrClosed // the directory may have another user by now
	}
	if _, exists := d.journals[cx]; exists {
		return nil
	}
	made := d.state.Create(cx, records)
	if made != nil && !errors.Is(made, store.ErrExists) {
		return made
	}
	journal, err := d.state.Journal(cx)
	if err != nil && made == nil {
		return &store.Left{File: d.state.JournalPath(cx), Cause: err}
	}
	if err != nil {
		return err
	}
	d.journals[cx] = journal
	return nil
}

func (d *databases) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, journal := range d.journals {
		_ = journal.Close()
	}
	d.journals = nil
}

// createContext makes the journal of a context and has its subtree started: where
// its supervisor is not up, by the keeper. Made tells whether the journal is there.
func (n *Node) createContext(cx messages.ContextID, records []messages.Record) (made bool, err error) {
	if err := n.databases.create(cx, records); err != nil {
		return false, notMade(cx, err)
	}
	if err := n.spawnContext(cx); !errors.Is(err, supervision.ErrStopped) {
		return true, err
	}
	return true, nil
}
