package rendezvoustest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/waymeet/waymeet/messages"
)

// command is one command of scripts.
type command struct {
	// usage shows the arguments; as many are needed as it has words, and those
	// in brackets need not be there.
	usage string
	run   func(w *World, args []string) error
}

// commands are all that there are.
var commands = map[string]command{
	"relay":          {"NAME", (*World).cmdRelay},
	"nat":            {"NAME KIND", (*World).cmdNAT},
	"forget":         {"NAT", (*World).cmdForget},
	"weather":        {"LOSS TWICE JITTER", (*World).cmdWeather},
	"node":           {"NAME [relay=NAME] [flow=LIMIT] [nat=NAME]", (*World).cmdNode},
	"found":          {"NODE CONTEXT", (*World).cmdFound},
	"invite":         {"NODE CONTEXT", (*World).cmdInvite},
	"join":           {"NODE TICKET [forged]", (*World).cmdJoin},
	"advance":        {"DURATION", (*World).cmdAdvance},
	"show":           {"WHAT NODE [NODE]", (*World).cmdShow},
	"cut":            {"A B [direct]", (*World).cmdCut},
	"heal":           {"", (*World).cmdHeal},
	"relays-are":     {"DELAY", (*World).cmdRelaysAre},
	"network-change": {"NODE", (*World).cmdNetworkChange},
	"announce":       {"NODE GENERATION", (*World).cmdAnnounce},
	"hold-relay":     {"NODE ON-OR-OFF", (*World).cmdHoldRelay},
	"kill":           {"NODE MACHINE [PEER]", (*World).cmdKill},
	"stop":           {"NODE MACHINE [PEER]", (*World).cmdStop},
	"restart":        {"NAME [NAME]", (*World).cmdRestart},
	"halt":           {"NAME", (*World).cmdHalt},
	"sent":           {"NODE PEER", (*World).cmdSent},
	"say":            {"NODE PEER WORD", (*World).cmdSay},
	"write":          {"NODE WORD", (*World).cmdWrite},
	"revoke":         {"NODE", (*World).cmdRevoke},
	"stray":          {"NODE", (*World).cmdStray},
	"may-call":       {"NODE PEER", (*World).cmdMayCall},
}

// quietly before a command keeps what it leads to out of the script.
const quietly = "quietly"

// Do runs one command of a script.
func (w *World) Do(line string) error {
	words := strings.Fields(line)
	if words[0] == quietly && len(words) > 1 {
		kept := w.log.lines
		defer func() { w.log.lines = kept }()
		words = words[1:]
	}
	c, known := commands[words[0]]
	if !known {
		return errors.New("there is no such command")
	}
	all := strings.Fields(c.usage)
	needed := len(all) - strings.Count(c.usage, "[")
	if args := len(words) - 1; args < needed || args > len(all) {
		return fmt.Errorf("it takes %s", c.usage)
	}
	return c.run(w, words[1:])
}

// running finds a node that runs.
func (w *World) running(name string) (*node, error) {
	n := w.node(name)
	if n == nil || n.process == nil {
		return nil, fmt.Errorf("no node %s runs", name)
	}
	return n, nil
}

// settle lets happen what happens now.
func (w *World) settle() error {
	w.pass(0, func() bool { return false })
	return nil
}

// context finds a context by its name.
func (w *World) context(name string) (messages.ContextID, error) {
	for cx, known := range w.names.contexts {
		if known == name {
			return cx, nil
		}
	}
	return messages.ContextID{}, fmt.Errorf("nobody has founded %s", name)
}

// find finds a machine by its label.
func (w *World) find(args []string) (*node, mortal, error) {
	n, err := w.running(args[0])
	if err != nil {
		return nil, nil, err
	}
	label := strings.Join(args[1:], " ")
	var labels []string
	for _, a := range n.process.machines() {
		if a.label() == label {
			return n, a, nil
		}
		labels = append(labels, a.label())
	}
	return nil, nil, fmt.Errorf("no %s runs there, only %s", label, strings.Join(labels, ", "))
}

// peer finds a pair by the names of its ends.
func (w *World) peer(args []string) (*process, messages.ContextID, messages.AuthorityID, error) {
	n, err := w.running(args[0])
	if err != nil {
		return nil, messages.ContextID{}, messages.AuthorityID{}, err
	}
	for _, pair := range n.process.allPairs() {
		if w.names.authority(pair.Peer) == args[1] {
			return n.process, pair.Context, pair.Peer, nil
		}
	}
	return nil, messages.ContextID{}, messages.AuthorityID{}, fmt.Errorf("%s has no peer %s", args[0], args[1])
}
