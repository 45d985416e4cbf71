package crash

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/transport/store"
)

// ledger is what a state directory's writers have said over all their lives.
type ledger struct {
	context messages.ContextID
	// facts are those whose Append has returned, with the number in their body.
	facts map[messages.FactID]int
	// refused and ended are why Append failed and why the node stopped.
	refused, ended []string
	// next is a number above all that were said.
	next int
}

func newLedger() *ledger { return &ledger{facts: map[messages.FactID]int{}} }

// listen takes in all that a life says, to its last whole line: what has no end
// was not said.
func (l *ledger) listen(r io.Reader) error {
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = l.take(line)
		}
		if err != nil {
			return err
		}
	}
}

// take takes in one line.
func (l *ledger) take(line string) error {
	what, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch what {
	case saidContext:
		context, err := messages.ParseContextID(rest)
		if err == nil && !l.context.IsZero() && context != l.context {
			err = fmt.Errorf("context %s was founded, and then %s", l.context.Short(), context.Short())
		}
		l.context = context
		return err
	case saidFact:
		id, number, _ := strings.Cut(rest, " ")
		fact, err := messages.ParseFactID(id)
		if err != nil {
			return err
		}
		l.facts[fact], err = strconv.Atoi(number)
		l.next = max(l.next, l.facts[fact]+1)
		return err
	case saidRefused:
		l.refused = append(l.refused, rest)
	case saidEnded:
		l.ended = append(l.ended, rest)
	default:
		return fmt.Errorf("a writer said %q", line)
	}
	return nil
}

// verdict is what became of what was acknowledged.
type verdict struct {
	// lost and damaged count facts.
	lost, damaged int
	// why says the first thing that is wrong; nil: nothing is.
	why error
}

func (v *verdict) complain(format string, args ...any) {
	if v.why == nil {
		v.why = fmt.Errorf(format, args...)
	}
}

// check opens what is on disk as a node would, and looks for everything that
// was acknowledged.
func (l *ledger) check(dir string) (v verdict) {
	if err := l.checkNode(dir); err != nil {
		v.complain("%w", err)
	}
	contexts, err := store.Directory(dir).Contexts()
	if err != nil {
		v.complain("%w", err)
	}
	if !l.context.IsZero() && !slices.Contains(contexts, l.context) {
		v.lost = len(l.facts)
		v.complain("the context that was founded is not there")
	}
	for _, context := range contexts {
		found, err := readJournal(dir, context)
		if err != nil {
			v.damaged += len(l.facts)
			v.complain("%w", err)
		} else if context == l.context {
			l.compare(found, &v)
		}
	}
	return v
}

// checkNode reads what is the node's own. What a node makes at its first start
// may not be there yet; what is there must be whole.
func (l *ledger) checkNode(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "node.db")); err == nil {
		node, err := store.Directory(dir).Node()
		if err != nil {
			return err
		}
		if err := node.Close(); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "identity.key")); errors.Is(err, fs.ErrNotExist) && l.context.IsZero() {
		return nil
	}
	_, err := store.Directory(dir).Identity(store.KindNode)
	return err
}

func (l *ledger) compare(found map[messages.FactID][]byte, v *verdict) {
	for id, number := range l.facts {
		switch is, there := found[id]; {
		case !there:
			v.lost++
			v.complain("fact %d was acknowledged and is not there", number)
		case !bytes.Equal(is, body(number)):
			v.damaged++
			v.complain("fact %d is there with another body", number)
		}
	}
	for id, is := range found {
		if _, ok := numberOf(is); !ok {
			v.damaged++
			v.complain("fact %s was written by nobody", id.Short())
		}
	}
}

// compareLoaded looks for everything that was acknowledged in a journal as it was
// loaded, whatever the disk says besides.
func (l *ledger) compareLoaded(loaded *journal.Journal) error {
	held := map[messages.FactID]bool{}
	for _, fact := range loaded.Survey() {
		held[fact.Fact] = fact.Counts
	}
	for id, number := range l.facts {
		if !held[id] {
			return fmt.Errorf("%w: fact %d was acknowledged and is not loaded", errWrong, number)
		}
	}
	return nil
}

// readJournal gives the opened bodies of all application facts of a context. It
// loads the journal as a node does.
func readJournal(dir string, context messages.ContextID) (map[messages.FactID][]byte, error) {
	seed, err := store.Directory(dir).Identity(store.KindNode)
	if err != nil {
		return nil, err
	}
	database, err := store.Directory(dir).Journal(context)
	if err != nil {
		return nil, err
	}
	defer database.Close()
	return readFacts(database, membership.NewIdentity(seed))
}

func readFacts(database *store.Store, identity membership.Identity) (map[messages.FactID][]byte, error) {
	loaded, err := journal.Load(journal.Config{Identity: identity, Random: rand.Reader}, database)
	if err != nil {
		return nil, err
	}
	bodies := map[messages.FactID][]byte{}
	for record, err := range database.Records(messages.BucketFacts) {
		if err != nil {
			return nil, err
		}
		fact, err := messages.ParseFact(record.Value)
		if err != nil {
			return nil, err
		}
		if sha256.Sum256(fact.Body) != fact.Header.BodyHash {
			return nil, fmt.Errorf("fact %s has another body than its header says", fact.ID().Short())
		}
		plain, err := loaded.Open(fact)
		if err != nil {
			return nil, err
		}
		bodies[fact.ID()] = plain
		if fact.Header.Type < messages.FactApplication {
			delete(bodies, fact.ID())
		}
	}
	return bodies, sameCount(loaded, database)
}

// sameCount compares what the journal counts with what the database holds.
func sameCount(loaded *journal.Journal, database *store.Store) error {
	stored := uint64(0)
	for _, err := range database.Records(messages.BucketFacts) {
		if err != nil {
			return err
		}
		stored++
	}
	for _, effect := range loaded.Step(time.Now(), messages.Tick{}) {
		if publish, ok := effect.(journal.Publish); ok && publish.State.Count == stored {
			return nil
		}
	}
	return fmt.Errorf("the journal does not count the %d facts that are stored", stored)
}
