package messages

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// EventKind says what happened.
type EventKind string

// The kinds of event. Each names the fields of Event that it fills beside Time
// and Kind.
const (
	// EventActorCrashed: Actor, Incarnation (of the one that died), Reason.
	EventActorCrashed EventKind = "actor_crashed"
	// EventActorRestarted: Actor, Incarnation (of the new one).
	EventActorRestarted EventKind = "actor_restarted"
	// EventActorEscalated: Actor (a supervisor that gives up), Incarnation,
	// Reason (the whole chain, down to the actor that crashed first).
	EventActorEscalated EventKind = "actor_escalated"
	// EventActorQuarantined: Actor (it crashed too often, and is kept down for
	// long while its siblings live on), Incarnation, Reason.
	EventActorQuarantined EventKind = "actor_quarantined"
	// EventActorStuck: Actor (it did not react in time and was abandoned),
	// Incarnation, Reason.
	EventActorStuck EventKind = "actor_stuck"
	// EventActorBlocked: Actor (it has been at one message for long, and is left
	// alone), Incarnation, Reason.
	EventActorBlocked EventKind = "actor_blocked"
	// EventActorOverloaded: Actor (its mailbox is full), Incarnation, Reason. It
	// is told again only after the mailbox was half empty.
	EventActorOverloaded EventKind = "actor_overloaded"
	// EventPathChanged: Context, Peer, Channel, Path, Remote, Reason.
	EventPathChanged EventKind = "path_changed"
	// EventChannelUp: Context, Peer, Channel, Epoch, Path.
	EventChannelUp EventKind = "channel_up"
	// EventChannelDown: Context, Peer, Channel, Reason.
	EventChannelDown EventKind = "channel_down"
	// EventNetworkChanged: NetworkGeneration, Reason.
	EventNetworkChanged EventKind = "network_changed"
	// EventFactsSynced: Context, Peer, Facts (how many were new here).
	EventFactsSynced EventKind = "facts_synced"
	// EventClockAhead: Context, Peer (whose facts wait until their hour has come:
	// its clock is ahead of ours), Reason.
	EventClockAhead EventKind = "clock_ahead"
	// EventForked: Context, Peer (it has signed two facts with one number, so it
	// runs twice or lies), Reason.
	EventForked EventKind = "forked"
	// EventFileReceived: Context, Peer, File, Bytes.
	EventFileReceived EventKind = "file_received"
	// EventBudgetReset: Context, Peer, Attempts (as they stand after it),
	// Reason (which generation is newer).
	EventBudgetReset EventKind = "attempts_reset"
)

// Event is something that a host or a person may want to know. The path and
// the reason answer "why?" (SPEC 10.8); nothing in it is secret. Fields that
// the kind does not fill are zero, and absent from the JSON form.
type Event struct {
	Time Millis    `json:"time_ms"`
	Kind EventKind `json:"kind"`

	Actor       string `json:"actor,omitempty"`
	Incarnation uint64 `json:"incarnation,omitzero"`

	Context ContextID   `json:"context,omitzero"`
	Peer    AuthorityID `json:"peer,omitzero"`
	Channel ChannelID   `json:"channel,omitzero"`
	Epoch   Epoch       `json:"epoch,omitzero"`

	Path   PathKind `json:"path,omitzero"`
	Remote string   `json:"remote,omitempty"`

	NetworkGeneration NetworkGeneration `json:"network_generation,omitzero"`
	Attempts          *AttemptStatus    `json:"attempts,omitempty"`
	Facts             uint64            `json:"facts,omitzero"`
	// File is the name under which a file was stored. A peer chose it: escape
	// it before a terminal sees it (Printable).
	File  string `json:"file,omitempty"`
	Bytes uint64 `json:"bytes,omitzero"`

	Reason string `json:"reason,omitempty"`
}

// String is one line for people, safe for a terminal. The time is left out.
func (e Event) String() string {
	words := []string{string(e.Kind)}
	add := func(present bool, format string, value ...any) {
		if present {
			words = append(words, fmt.Sprintf(format, value...))
		}
	}
	add(e.Actor != "", "%s", e.Actor)
	add(e.Incarnation != 0, "incarnation %d", e.Incarnation)
	add(!e.Context.IsZero(), "%s", e.Context.Short())
	add(!e.Peer.IsZero(), "%s", e.Peer.Short())
	add(e.Path != 0, "%s", e.Path)
	add(e.NetworkGeneration != 0, "generation %d", e.NetworkGeneration)
	if e.Attempts != nil {
		add(true, "attempts %s", e.Attempts)
	}
	add(e.Facts != 0, "%d facts", e.Facts)
	add(e.File != "", "%s", e.File)
	add(e.Bytes != 0, "%d bytes", e.Bytes)
	add(e.Reason != "", "(%s)", e.Reason)
	return Printable(strings.Join(words, " "))
}

// Printable is s made safe for a terminal: what is not a printable character
// (control characters, escapes, bidirectional marks, bytes that are no UTF-8)
// is written as Go would quote it. Whatever a peer names goes through here
// before a person sees it.
func Printable(s string) string {
	var out strings.Builder
	for rest := s; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, rest[0])
		case strconv.IsPrint(r):
			out.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
		rest = rest[size:]
	}
	return out.String()
}
