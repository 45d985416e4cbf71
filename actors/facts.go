package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// Bounds of what is read at once for the host.
const (
	contentFacts = 128
	contentBytes = 1 << 20
)

// content is an answer to a read: the facts, and where reading goes on.
type content struct {
	facts []messages.FactContent
	next  messages.FactCursor
	err   error
}

// Facts reads the application facts of a context, in the order in which this
// node came to know them. The sequence ends with the last one, or, where they
// are followed, with ctx; an error ends it, and is that of ctx then.
func (n *Node) Facts(ctx context.Context, cx messages.ContextID, query messages.FactQuery) iter.Seq2[messages.FactContent, error] {
	return func(yield func(messages.FactContent, error) bool) {
		ctx, done := n.living(ctx)
		defer done()
		if view := n.views.View(cx); view != nil && query.After > view.Ready {
			yield(messages.FactContent{}, messages.Problem{
				Code: messages.ExitUsage, What: fmt.Sprintf("no fact has had the cursor %d here", query.After), Whose: fmt.Sprintf("the last one is %d: it is of another node, or from after the backup that was restored", view.Ready),
				Hint: "a cursor of this node, or 0 for all",
			})
			return
		}
		for after := query.After; ; {
			page, err := n.readContent(ctx, cx, after, query)
			if err != nil {
				yield(messages.FactContent{}, err)
				return
			}
			for _, fact := range page.facts {
				if query.Wants(fact.Type) && !yield(fact, nil) {
					return
				}
			}
			isEnd := page.next == after
			after = page.next
			if isEnd && !query.Follow {
				return
			}
			if err := n.awaitContent(ctx, cx, after, isEnd); err != nil {
				yield(messages.FactContent{}, err)
				return
			}
		}
	}
}

// awaitContent waits, at the end, until there is more.
func (n *Node) awaitContent(ctx context.Context, cx messages.ContextID, after messages.FactCursor, isEnd bool) error {
	return n.changed.await(ctx, func() bool {
		view := n.views.View(cx)
		return !isEnd || view != nil && view.Ready > after
	})
}

// readContent reads the next facts after a cursor.
func (n *Node) readContent(ctx context.Context, cx messages.ContextID, after messages.FactCursor, query messages.FactQuery) (content, error) {
	if n.views.View(cx) == nil {
		return content{}, n.noView(cx)
	}
	read := messages.ReadContent{
		Request: messages.ContentRequest(n.requests.Add(1)), After: after, Author: query.Author,
		MaxFacts: contentFacts, MaxBytes: contentBytes,
	}
	answer := n.contents.open(read.Request)
	defer n.contents.close(read.Request)
	page, err := ask(ctx, n, answer, func() { n.tellStore(cx, read) })
	return page, cmp.Or(err, page.err)
}

// giveContent reads and opens facts for the host, in a task of the store.
func (n *Node) giveContent(c *storeContext, cx messages.ContextID, e journal.GiveContent) {
	if e.Failure != "" {
		n.contents.answer(e.Request, content{err: errors.New(e.Failure)})
		return
	}
	database, ok := n.databases.find(cx)
	if !ok {
		panic("actors: the journal was closed under its store")
	}
	c.Task("read", func(_ context.Context, emit func(messages.JournalMessage)) {
		page := content{next: e.Next}
		facts, err := database.Facts(e.Facts)
		if err != nil {
			page.err = err
			n.readFailed(err, emit)
		}
		for at, raw := range facts {
			if fact, opens := openContent(e, raw); opens {
				fact.Cursor = e.Cursors[at]
				page.facts = append(page.facts, fact)
			}
		}
		n.contents.answer(e.Request, page)
	})
}

// openContent is what a fact says to the host. One of a type that is Waymeet's
// and not known to this version, or that its author sealed wrongly, says nothing.
func openContent(e journal.GiveContent, raw []byte) (messages.FactContent, bool) {
	fact, err := messages.ParseFact(raw)
	if err != nil {
		return messages.FactContent{}, false
	}
	header := fact.Header
	if !header.Type.IsApplication() {
		return messages.FactContent{}, false
	}
	body, err := journal.Open(fact, e.Keys[header.KeyID].Payload)
	if err != nil {
		return messages.FactContent{}, false
	}
	return messages.FactContent{
		ID: fact.ID(), Author: header.Author, Seq: header.Seq, Type: header.Type, Time: header.HLC.Millis(),
		Epoch: header.Epoch, Again: messages.FactID(header.Again), Size: len(raw), Body: body,
	}, true
}
