package rendezvoustest

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// session is a sync session: a stream of a line.
type session struct {
	id      messages.SyncSession
	context messages.ContextID
	line    *line
	stream  streamID
}

// makeSync is the host of a context's sync. Its sessions do not survive it.
func (p *process) makeSync(cx messages.ContextID) *SyncHost {
	h := &SyncHost{process: p, kind: "sync", Tick: messages.Tick{}}
	h.Build = func() Machine[messages.JournalSyncMessage, journal.SyncEffect] {
		for _, s := range slices.Clone(p.sessions) {
			if s.context == cx {
				p.endSession(s.id)
			}
		}
		return journal.NewSync(journal.SyncConfig{Random: p.world.entropy, Jitter: p.world.jitter()})
	}
	h.First = func() []messages.JournalSyncMessage {
		var first []messages.JournalSyncMessage
		if state, ok := p.states[cx]; ok {
			first = append(first, state)
		}
		for _, l := range p.lines {
			if r := l.record; r != nil && r.Context == cx && (r.Open || r.CatchUpUntil != 0) {
				first = append(first, messages.SyncPeerUp{Peer: r.Peer, Channel: r.Channel})
			}
		}
		for _, c := range p.claims {
			if l := p.attemptLine(c.attempt); c.context == cx && l != nil {
				first = append(first, messages.SyncPeerUp{Peer: c.member, Channel: l.record.Channel})
			}
		}
		return first
	}
	h.Perform = func(effect journal.SyncEffect) { p.performSync(h, cx, effect) }
	return h
}

func (p *process) performSync(h *SyncHost, cx messages.ContextID, effect journal.SyncEffect) {
	switch e := effect.(type) {
	case journal.OpenSession:
		p.openSession(h, cx, e)
	case journal.SendFrame:
		if s := p.session(e.Session); s != nil {
			s.line.flow.push(streamBytes{s.stream, string(e.Frame)})
		}
	case journal.CloseSession:
		p.endSession(e.Session)
	case journal.TellJournal:
		p.contexts[cx].store.tell(e.Message)
	case journal.Synced:
		if e.Received > 0 || e.End.Reason == journal.EndFault {
			p.event("sync with %s: %s, %s received", e.Peer.Short(), e.End, plural(e.Received, "fact"))
		}
		if e.End.Reason == journal.EndEqual {
			p.lastEqual[channel.Pair{Context: cx, Peer: e.Peer}] = e.Fingerprint
			p.changed()
		}
	}
}

// openSession opens the stream of a session.
func (p *process) openSession(h *SyncHost, cx messages.ContextID, e journal.OpenSession) {
	l := p.channelLine(e.Channel)
	if l == nil || l.allowed == nil {
		h.later("open", 0, messages.SyncOpenFailed{Peer: e.Peer, Channel: e.Channel, Reason: "the channel is gone"})
		return
	}
	s := p.addSession(cx, l, l.openStream(messages.SyncProtocol))
	h.later("open", 0, messages.SyncOpened{Session: s.id, Peer: e.Peer, Channel: e.Channel, Initiator: true})
}

// acceptSession takes a stream that the peer opened.
func (p *process) acceptSession(cx messages.ContextID, peer messages.AuthorityID, l *line, id streamID) {
	if hosts := p.contexts[cx]; hosts != nil {
		s := p.addSession(cx, l, id)
		hosts.sync.tell(messages.SyncOpened{Session: s.id, Peer: peer, Channel: l.record.Channel})
	}
}

func (p *process) addSession(cx messages.ContextID, l *line, id streamID) *session {
	p.lastSession++
	s := &session{id: p.lastSession, context: cx, line: l, stream: id}
	p.sessions = append(p.sessions, s)
	return s
}

func (p *process) session(id messages.SyncSession) *session {
	for _, s := range p.sessions {
		if s.id == id {
			return s
		}
	}
	return nil
}

// sessionOf is the session that a stream of a line carries.
func (p *process) sessionOf(l *line, id streamID) *session {
	for _, s := range p.sessions {
		if s.line == l && s.stream == id {
			return s
		}
	}
	return nil
}

// endSession closes a session at our end.
func (p *process) endSession(id messages.SyncSession) {
	if s := p.session(id); s != nil {
		p.forgetSession(s)
		s.line.flow.push(closeStream{s.stream})
	}
}

func (p *process) forgetSession(s *session) {
	p.sessions = slices.DeleteFunc(p.sessions, func(t *session) bool { return t == s })
}

// sessionClosed tells the sync that a session's stream has ended.
func (p *process) sessionClosed(s *session, why string) {
	p.forgetSession(s)
	if hosts := p.contexts[s.context]; hosts != nil {
		hosts.sync.tell(messages.SyncClosed{Session: s.id, Reason: why})
	}
}
