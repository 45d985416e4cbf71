package channel

import (
	"bytes"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// How a commit that is not answered is repeated: 250 ms, then twice as long
// each time, and after maxCommits times no more.
const (
	commitWait = 250 * time.Millisecond
	maxCommits = 6
)

// commit is one that waits for the store: of a call, or of a channel. The
// store does the operation once, however often it is asked (SPEC 5.5).
type commit struct {
	context  messages.ContextID
	commit   messages.Commit
	attempt  *attempt
	channel  *SecureChannel
	sent     int
	repeatAt time.Time
}

func (m *Manager) commit(c *commit) {
	m.commits[c.commit.Operation] = c
	m.send(c)
}

func (m *Manager) send(c *commit) {
	c.repeatAt = m.now.Add(commitWait << c.sent)
	c.sent++
	m.emit(Commit{Context: c.context, Commit: c.commit})
}

// dueCommits are those that were not answered in time.
func (m *Manager) dueCommits() []*commit {
	var due []*commit
	for _, c := range m.commits {
		if !m.now.Before(c.repeatAt) {
			due = append(due, c)
		}
	}
	slices.SortFunc(due, func(a, b *commit) int {
		return bytes.Compare(a.commit.Operation[:], b.commit.Operation[:])
	})
	return due
}

// repeat asks again, or gives up. What is paid stays paid for the next call.
func (m *Manager) repeat(c *commit) {
	switch {
	case c.sent < maxCommits:
		m.send(c)
	case c.attempt != nil:
		m.attemptFailed(c.attempt)
	default:
		m.close(c.channel, messages.ReasonJournalSilent)
	}
}

// journaled goes on with what waited for the store.
func (m *Manager) journaled(operation messages.OperationID) {
	c := m.commits[operation]
	if c == nil {
		return
	}
	delete(m.commits, operation)
	if c.attempt != nil {
		m.shake(c.attempt, messages.Hello{})
		return
	}
	c.channel.journaled = true
	m.openIfUndisputed(c.channel)
}

// journalRefused: the store compared again, and something had run out.
// Nothing was charged.
func (m *Manager) journalRefused(e messages.JournalRefused) {
	c := m.commits[e.Operation]
	if c == nil {
		return
	}
	delete(m.commits, e.Operation)
	decision := messages.Decision{Refused: messages.GuardJournal, Reason: e.Reason}
	if c.attempt == nil {
		m.refuse(m.pair(Pair{c.context, c.channel.Remote}), decision)
		m.close(c.channel, messages.ReasonRefused)
		return
	}
	p := c.attempt.pair
	m.refuse(p, decision)
	p.saved.Operation = messages.OperationID{}
	m.save(p)
	m.attemptFailed(c.attempt)
}
