package rendezvoustest

import (
	"fmt"
	"strings"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// fsync is how long the disk takes.
const fsync = time.Millisecond

// createContext makes the journal of a context and starts its machines; one
// that is there is left as it is.
func (p *process) createContext(cx messages.ContextID, records []messages.Record, founded bool) {
	if p.disk.journals[cx] == nil {
		p.disk.journals[cx] = newDatabase(records)
		p.disk.journals[cx].founded = founded
	}
	if p.contexts[cx] == nil {
		p.spawnContext(cx)
	}
}

// spawnContext starts store, sync and publisher of a context, if they do not
// run, and registers its slots.
func (p *process) spawnContext(cx messages.ContextID) {
	hosts := p.contexts[cx]
	if hosts == nil {
		hosts = &contextHosts{store: p.makeStore(cx), sync: p.makeSync(cx), publisher: p.makePublisher(cx)}
		p.contexts[cx] = hosts
	}
	p.tree.SpawnContext(cx, hosts.store, hosts.sync, hosts.publisher)
	for _, url := range p.relays {
		key := relayKey{url, relayScope(cx)}
		p.registerSlot(key, p.slotKey(key), contextSlot{p, cx})
	}
}

// makeStore is the host of a context's journal, its only writer. What a
// Commit asked for is on disk before anybody hears of it.
func (p *process) makeStore(cx messages.ContextID) *JournalHost {
	h := &JournalHost{process: p, kind: "journal", Tick: messages.Tick{}}
	var life term
	h.Build = func() Machine[messages.JournalMessage, journal.Effect] {
		database := p.disk.journals[cx]
		life = database.beginTerm()
		config := journal.Config{
			Identity: p.identity, Random: p.world.entropy, Limits: journal.Limits{Flow: p.flow},
			WriteAfter: p.begun.Add(journal.WaitForPeer), Claims: p.savedClaims[cx],
		}
		if database.founded {
			config.WriteAfter = time.Time{}
		}
		if p.world.defect == ChargeAgain {
			delete(database.buckets, messages.BucketOperations)
			clear(database.operations)
		}
		loaded, err := journal.Load(config, database)
		if err != nil {
			panic("rendezvoustest: " + err.Error()) // the journal wrote it itself
		}
		return loaded
	}
	h.First = func() []messages.JournalMessage { return []messages.JournalMessage{messages.Tick{}} }
	h.Perform = func(effect journal.Effect) {
		if e, write := effect.(journal.Write); write {
			p.writeJournal(h, cx, life, e)
			return
		}
		p.performJournal(h, cx, effect)
	}
	return h
}

// writeJournal runs one transaction, whatever becomes of the life, unless a
// newer one writes: then nobody waits for it.
func (p *process) writeJournal(h *JournalHost, cx messages.ContextID, life term, e journal.Write) {
	if p.world.defect == AcknowledgeEarly {
		h.tell(messages.Written{Batch: e.Batch})
	}
	h.task("write", fsync, func(emit func(messages.JournalMessage)) {
		if database := p.disk.journals[cx]; database.term == life {
			database.write(e.Records)
			emit(messages.Written{Batch: e.Batch})
		}
	})
}

// readFacts reads facts for a sync session, or for the journal itself. What cannot
// be read stops the journal, whoever it was read for.
func (p *process) readFacts(h *JournalHost, cx messages.ContextID, e journal.ReadFacts) {
	h.task("read", 0, func(emit func(messages.JournalMessage)) {
		read := messages.FactsRead{Session: e.Session}
		facts, err := p.disk.journals[cx].Facts(e.Facts)
		if err != nil {
			read.Failure = err.Error()
			emit(messages.FactsRead{Failure: read.Failure})
		}
		read.Facts = facts
		switch {
		case e.Session != 0:
			p.contexts[cx].sync.tell(read)
		case err == nil:
			emit(read)
		}
	})
}

func (p *process) performJournal(h *JournalHost, cx messages.ContextID, effect journal.Effect) {
	switch e := effect.(type) {
	case journal.Reply:
		p.journalReply(cx, e)
	case journal.TellSync:
		p.contexts[cx].sync.tell(e.Message)
	case journal.Publish:
		p.views[cx], p.states[cx] = e.View, e.State
		p.published(e.View)
		p.contextChanged(cx)
	case journal.ReadFacts:
		p.readFacts(h, cx, e)
	case journal.SaveClaims:
		p.savedClaims[cx] = e.Claims
	case journal.GiveContent:
		p.reads(e)
	case journal.Forked:
		p.event("journal: %s signed two facts with number %d", e.Author.Short(), e.Seq)
		p.world.Fault("%s: %s signed two facts with number %d", p.name, e.Author.Short(), e.Seq)
	case journal.ClockAhead:
		p.event("journal: the clock of %s is %s ahead of ours", e.Author.Short(), e.Ahead)
	case journal.SecretRefused:
		p.event("journal: the secret of epoch %d does not open: %s", e.Epoch, e.Reason)
	case journal.Stopped:
		p.event("journal: stopped: %s", e.Reason)
		p.world.Fault("%s: the journal stopped: %s", p.name, e.Reason)
	}
}

// commit hands a commit to the store, and remembers what it is about.
func (p *process) commit(cx messages.ContextID, commit messages.Commit, why string) {
	p.audit.ask(commit)
	if _, known := p.pending[commit.Operation]; !known {
		p.pending[commit.Operation] = p.describe(commit) + why
	}
	p.contexts[cx].store.tell(commit)
}

// describe says what a commit does.
func (p *process) describe(c messages.Commit) string {
	var parts []string
	for _, charge := range c.Charges {
		whose := "toward " + charge.Peer.Short()
		if charge.Peer == p.authority() {
			whose = "of its own budget"
		}
		parts = append(parts, fmt.Sprintf("pays %d %s", charge.Cost, whose))
	}
	for _, fact := range c.Facts {
		parts = append(parts, "writes "+p.describeFact(fact))
	}
	return strings.Join(parts, ", ")
}

func (p *process) describeFact(fact messages.RendezvousFact) string {
	switch f := fact.(type) {
	case messages.RendezvousDescriptor:
		return fmt.Sprintf("descriptor %d (%s)", f.Sequence, p.world.describeEndpoints(f.Endpoints))
	case messages.ChannelEstablished:
		return fmt.Sprintf("channel-established (%s, %s → %s)", p.world.names.channel(f.Channel), f.Initiator.Short(), f.Responder.Short())
	case messages.ApplicationFact:
		return fmt.Sprintf("%q", f.Body)
	}
	return fact.FactType().String()
}

// journalReply answers whoever asked: the operation id tells who that was.
func (p *process) journalReply(cx messages.ContextID, e journal.Reply) {
	if what := p.pending[e.Operation]; what != "" {
		p.pending[e.Operation] = "" // said once
		if e.Refusal != "" {
			p.event("journal: refuses: %s", e.Refusal)
		} else {
			p.event("journal: %s", what)
		}
	}
	switch e.Refusal {
	case "":
		p.audit.acknowledged[cx] = append(p.audit.acknowledged[cx], e.Facts...)
	case journal.Withdrawn:
		p.audit.withdrawn[e.Operation] = true
	}
	p.committed(e)
	if p.operated(e) {
		return
	}
	if p.memberAdded(cx, e) {
		return
	}
	publisher := p.contexts[cx].publisher
	if e.Refusal != "" {
		refused := messages.JournalRefused{Operation: e.Operation, Reason: e.Refusal}
		p.manager.tell(refused)
		publisher.tell(refused)
		return
	}
	p.manager.tell(messages.Journaled{Operation: e.Operation})
	publisher.tell(messages.Journaled{Operation: e.Operation})
}

// contextChanged tells everybody that a context has a newer view.
func (p *process) contextChanged(cx messages.ContextID) {
	hosts := p.contexts[cx]
	hosts.sync.tell(p.states[cx])
	hosts.publisher.tell(messages.ContextChanged{Context: cx})
	p.manager.tell(messages.ContextChanged{Context: cx})
	for _, pair := range p.pairsOf(cx) {
		if endpoints, ok := p.peerEndpoints(pair); ok {
			p.tellPair(pair, endpoints)
		}
		p.tellPair(pair, p.localNetwork(cx))
	}
	p.changed()
}

// pairsOf are the other members of a context.
func (p *process) pairsOf(cx messages.ContextID) []channel.Pair {
	view := p.views[cx]
	if view == nil {
		return nil
	}
	var pairs []channel.Pair
	for _, member := range view.Roster.Members() {
		if id := member.Authority(); id != p.authority() {
			pairs = append(pairs, channel.Pair{Context: cx, Peer: id})
		}
	}
	return pairs
}

// allPairs are the other members of all contexts.
func (p *process) allPairs() []channel.Pair {
	var pairs []channel.Pair
	for _, cx := range sortedKeys(p.views, messages.ContextID.Compare) {
		pairs = append(pairs, p.pairsOf(cx)...)
	}
	return pairs
}

// makePublisher is the host that keeps the node's descriptor true.
func (p *process) makePublisher(cx messages.ContextID) *PublisherHost {
	h := &PublisherHost{process: p, kind: "publisher", Tick: messages.Tick{}}
	h.Build = func() Machine[messages.PublisherMessage, rendezvous.PublisherEffect] {
		return rendezvous.NewPublisher(rendezvous.PublisherConfig{
			Context: cx, Service: p.service, Views: p, Random: p.world.entropy, ExpectRelay: len(p.relays) > 0,
		})
	}
	h.First = func() []messages.PublisherMessage {
		var first []messages.PublisherMessage
		if p.endpoints != nil {
			first = append(first, *p.endpoints)
		}
		for _, endpoint := range p.registered(relayScope(cx)) {
			first = append(first, messages.SlotUp{Context: cx, Endpoint: endpoint})
		}
		return first
	}
	h.Perform = func(effect rendezvous.PublisherEffect) {
		switch e := effect.(type) {
		case rendezvous.PublishDescriptor:
			p.commit(cx, e.Commit, ": "+string(e.Reason))
		case rendezvous.PublishRefused:
			p.event("descriptor %s", e.Decision)
		}
	}
	return h
}
