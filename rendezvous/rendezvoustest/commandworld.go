package rendezvoustest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waymeet/waymeet/messages"
)

func (w *World) cmdRelay(args []string) error {
	r := w.addRelay(args[0])
	w.log.print("%s listens on %s", r.name, r.addr)
	return nil
}

func (w *World) cmdNode(args []string) error {
	var around home
	for _, option := range args[1:] {
		key, value, _ := strings.Cut(option, "=")
		switch r, g := w.relay(value), w.nat(value); {
		case key == "relay" && r != nil:
			around.relays = append(around.relays, r.url)
		case key == "nat" && g != nil:
			around.gate = g
		case key == "flow":
			limit, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return err
			}
			around.flow = messages.FlowCost(limit)
		default:
			return fmt.Errorf("%s makes no sense here", option)
		}
	}
	w.addNode(args[0], around)
	return w.settle()
}

func (w *World) cmdNAT(args []string) error {
	kind, err := kindOfNAT(args[1])
	if err != nil {
		return err
	}
	g := w.addNAT(args[0], kind)
	w.log.print("%s is a NAT of kind %s at %s", g.name, kind.name, g.public)
	return nil
}

// cmdForget restarts a NAT: its mappings are gone.
func (w *World) cmdForget(args []string) error {
	g := w.nat(args[0])
	if g == nil {
		return fmt.Errorf("there is no NAT %s", args[0])
	}
	g.forget()
	return nil
}

func (w *World) cmdWeather(args []string) error {
	loss, errLoss := strconv.ParseFloat(args[0], 64)
	twice, errTwice := strconv.ParseFloat(args[1], 64)
	jitter, errJitter := time.ParseDuration(args[2])
	w.setWeather(weather{loss: loss, twice: twice, jitter: jitter})
	return errors.Join(errLoss, errTwice, errJitter)
}

func (w *World) cmdAdvance(args []string) error {
	span, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	w.pass(span, func() bool { return false })
	return nil
}

func (w *World) cmdCut(args []string) error {
	w.wire.cuts = append(w.wire.cuts, cut{args[0], args[1], len(args) == 3})
	return nil
}

func (w *World) cmdHeal([]string) error {
	w.wire.cuts = nil
	return nil
}

// cmdRelaysAre says how far away relays are from now on, one way.
func (w *World) cmdRelaysAre(args []string) error {
	delay, err := time.ParseDuration(args[0])
	w.wire.toRelay = delay
	return err
}

func (w *World) cmdNetworkChange(args []string) error {
	n, err := w.running(args[0])
	if err != nil {
		return err
	}
	n.process.move()
	return w.settle()
}

func (w *World) cmdAnnounce(args []string) error {
	n, err := w.running(args[0])
	if err != nil {
		return err
	}
	generation, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	n.process.announce(messages.NetworkGeneration(generation))
	return w.settle()
}

func (w *World) cmdHoldRelay(args []string) error {
	n, err := w.running(args[0])
	if err != nil {
		return err
	}
	for _, pair := range n.process.allPairs() {
		n.process.tellPair(pair, messages.HoldRelay{On: args[1] == "on"})
	}
	return w.settle()
}

func (w *World) cmdKill(args []string) error {
	n, a, err := w.find(args)
	if err != nil {
		return err
	}
	n.event("%s is killed", a.label())
	a.kill()
	return w.settle()
}

func (w *World) cmdStop(args []string) error {
	n, a, err := w.find(args)
	if err != nil {
		return err
	}
	n.event("%s stops for good", a.label())
	a.end()
	return w.settle()
}

// cmdRestart restarts nodes or relays, all at once: what they had in memory is
// gone.
func (w *World) cmdRestart(args []string) error {
	for _, name := range args {
		switch n, r := w.node(name), w.relay(name); {
		case n != nil:
			w.log.event(name, "restarts")
			n.stop()
			n.start()
		case r != nil:
			w.log.event(name, "restarts")
			r.start()
		default:
			return fmt.Errorf("there is no %s", name)
		}
	}
	return w.settle()
}

// cmdHalt ends a node or a relay without a farewell.
func (w *World) cmdHalt(args []string) error {
	switch n, r := w.node(args[0]), w.relay(args[0]); {
	case n != nil:
		n.stop()
	case r != nil:
		r.halted = true
	default:
		return fmt.Errorf("there is no %s", args[0])
	}
	w.log.event(args[0], "is off")
	return nil
}
