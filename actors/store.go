package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/store"
)

type storeContext = supervision.Context[messages.JournalMessage]

// storeActor is a context's only writer. The database is open outside it; in
// every life the machine is loaded from it again. A life begins by fencing off
// the one before: a transaction of a dead life ends before the load, or never
// begins, so the node cannot sign two facts with one number.
func (n *Node) storeActor(cx messages.ContextID) supervision.Actor[messages.JournalMessage] {
	var writer *store.Writer
	return supervision.Host[messages.JournalMessage, journal.Effect]{
		New: func(*storeContext) (supervision.Machine[messages.JournalMessage, journal.Effect], error) {
			database, ok := n.databases.find(cx)
			if !ok {
				return nil, fmt.Errorf("the journal of %s is not open", cx.Short())
			}
			writer = database.Writer()
			claims, _ := n.savedClaims.Load(cx)
			return journal.Load(journal.Config{
				Identity: n.identity, Random: rand.Reader, WriteAfter: n.writeAfter(cx), Claims: claims, Parallel: parallel,
			}, writer)
		},
		Perform: func(c *storeContext, effect journal.Effect) {
			if write, ok := effect.(journal.Write); ok {
				n.writeJournal(c, writer, write)
				return
			}
			n.performJournal(c, cx, effect)
		},
		Tick:  messages.Tick{},
		First: []messages.JournalMessage{messages.Tick{}}, // publishes what the disk says
	}.Actor()
}

// writeAfter is from when on this node's chain may grow though no peer was
// heard (SPEC 3.1). Of a context that it founded since its start nobody else
// can know more.
func (n *Node) writeAfter(cx messages.ContextID) time.Time {
	if n.databases.isFounded(cx) {
		return time.Time{}
	}
	return n.started.Add(journal.WaitForPeer)
}

func (n *Node) performJournal(c *storeContext, cx messages.ContextID, effect journal.Effect) {
	switch e := effect.(type) {
	case journal.Reply:
		n.journalReply(cx, e)
	case journal.TellSync:
		n.tellSync(cx, e.Message)
	case journal.Publish:
		n.views.publish(e.View, e.State)
		n.contextChanged(cx)
	case journal.ReadFacts:
		n.readFacts(c, cx, e)
	case journal.SaveClaims:
		n.savedClaims.Save(cx, incarnation(c), e.Claims)
	case journal.GiveContent:
		n.giveContent(c, cx, e)
	case journal.Forked:
		why := fmt.Sprintf("%s has signed two facts with number %d", e.Author.Short(), e.Seq)
		n.log.Warn(why, "context", cx.Short())
		n.publish(messages.Event{Kind: messages.EventForked, Context: cx, Peer: e.Author, Reason: why})
	case journal.ClockAhead:
		why := fmt.Sprintf("clock of %s is %d s ahead of ours", e.Author.Short(), int(e.Ahead.Seconds()))
		n.log.Warn(why, "context", cx.Short())
		n.publish(messages.Event{Kind: messages.EventClockAhead, Context: cx, Peer: e.Author, Reason: why})
	case journal.SecretRefused:
		n.log.Error("the secret of an epoch does not open", "epoch", uint64(e.Epoch), "reason", e.Reason)
	case journal.Stopped:
		n.fail(journalProblem(cx, e.Reason))
	}
}

// writeJournal runs one transaction in a task. It is done whatever becomes of
// the actor; a later life begins only after it.
func (n *Node) writeJournal(c *storeContext, writer *store.Writer, e journal.Write) {
	c.Task("write", func(_ context.Context, emit func(messages.JournalMessage)) {
		written := messages.Written{Batch: e.Batch}
		err := writer.Write(e.Records)
		if errors.Is(err, store.ErrFenced) {
			return // a newer life writes: nobody waits for this batch
		}
		if err != nil {
			written.Failure = err.Error()
		}
		emit(written)
	})
}

// readFacts reads facts for a sync session, or for the journal itself.
func (n *Node) readFacts(c *storeContext, cx messages.ContextID, e journal.ReadFacts) {
	database, ok := n.databases.find(cx)
	if !ok {
		panic("actors: the journal was closed under its store")
	}
	c.Task("read", func(_ context.Context, emit func(messages.JournalMessage)) {
		read := messages.FactsRead{Session: e.Session}
		facts, err := database.Facts(e.Facts)
		if err != nil {
			read.Failure = err.Error()
			n.readFailed(err, emit)
		}
		read.Facts = facts
		switch {
		case e.Session != 0:
			n.tellSync(cx, read)
		case err == nil:
			emit(read)
		}
	})
}

// readFailed stops a journal whose facts cannot be read, whoever they were read
// for, and the node with it: what it acknowledged no peer would get.
//
// SPEC 3.5: "damage is one clear error that names file, bucket and key, never
// wrong bytes and never a silently missing fact."
func (n *Node) readFailed(err error, emit func(messages.JournalMessage)) {
	if errors.Is(err, store.ErrClosed) {
		return // the node stops
	}
	n.fail(StateProblem(n.config.Dir, err))
	emit(messages.FactsRead{Failure: err.Error()})
}

// journalReply answers whoever asked: the operation id tells who that was, and
// everybody else does not know it.
func (n *Node) journalReply(cx messages.ContextID, e journal.Reply) {
	if n.commits.answer(e.Operation, e) || n.memberAdded(cx, e) {
		return
	}
	if e.Refusal != "" {
		refused := messages.JournalRefused{Operation: e.Operation, Reason: e.Refusal}
		n.tellManager(refused)
		n.tellPublisher(cx, refused)
		return
	}
	done := messages.Journaled{Operation: e.Operation}
	n.tellManager(done)
	n.tellPublisher(cx, done)
}

// contextChanged tells everybody that a context has a newer view.
func (n *Node) contextChanged(cx messages.ContextID) {
	changed := messages.ContextChanged{Context: cx}
	if state, ok := n.views.state(cx); ok {
		n.tellSync(cx, state)
	}
	n.tellPublisher(cx, changed)
	n.tellManager(changed)
	n.endpointsChanged(cx)
	n.sendWelcomes(cx)
	n.changed.broadcast()
}
