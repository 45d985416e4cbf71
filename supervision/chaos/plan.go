package chaos

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waymeet/waymeet/supervision"
)

// Action is what a rule does.
type Action int

const (
	// Kill makes the actor panic at a point of its run.
	Kill Action = iota
	// Drop loses a message on its way into the mailbox.
	Drop
	// Again delivers a message twice.
	Again
	// Delay holds a message back for a time up to Rule.By, drawn from the seed:
	// others overtake it.
	Delay
	// Suspend makes the actor wait, when a message is told to it, for a time up
	// to Rule.By: messages and timers stay where they are, as by Tree.Suspend.
	Suspend
)

var actionNames = [...]string{Kill: "kill", Drop: "drop", Again: "again", Delay: "delay", Suspend: "suspend"}

// String is the word that begins the rule's line.
func (a Action) String() string { return actionNames[a] }

// Rule says what goes wrong, where and how often. As text it is one line:
//
//	kill  PATH [phase PHASE] [message TYPE] [step N] [nth N] [every N] [chance P] [most N]
//	drop  PATH [class CLASS] [message TYPE] [nth N] [every N] [chance P] [most N]
//	again PATH …
//	delay PATH by DURATION …
//	suspend PATH by DURATION …
//
// PATH and TYPE are patterns as of Tree.Kill. PHASE and CLASS are written with
// hyphens: before-message, latest-wins.
type Rule struct {
	Do   Action
	Path string // pattern; empty: everybody
	// Phase is where a Kill strikes; Anywhere: at every point.
	Phase   supervision.Phase
	Message string // pattern of its type; empty: any, or none
	// Class is which messages are lost, late or doubled; AnyClass: all.
	Class supervision.Class
	By    time.Duration // of Delay and Suspend: at most so long

	// A rule strikes at each point or message that it fits, or only: at the
	// actor's own step of that number; at the Nth that fits; at every Every-th;
	// with that Chance, from 0 to 1; at Most so often. Zero: does not matter.
	Step   uint64
	Nth    uint64
	Every  uint64
	Chance float64
	Most   uint64
}

// Anywhere and AnyClass are the wild cards of Rule. (The zero Phase and Class
// are real ones.)
const (
	Anywhere supervision.Phase = -1
	AnyClass supervision.Class = -1
)

// lasts reports whether the rule has a By.
func (r Rule) lasts() bool { return r.Do == Delay || r.Do == Suspend }

// String is the rule as Parse reads it.
func (r Rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", r.Do, oneWord(cmp.Or(r.Path, "*")))
	word := func(name, value string) { fmt.Fprintf(&b, " %s %s", name, oneWord(value)) }
	number := func(name string, n uint64) {
		if n > 0 {
			word(name, strconv.FormatUint(n, 10))
		}
	}
	if r.Do == Kill && r.Phase != Anywhere {
		word("phase", hyphened(r.Phase))
	}
	if r.Do != Kill && r.Class != AnyClass {
		word("class", hyphened(r.Class))
	}
	if r.lasts() {
		word("by", r.By.String())
	}
	if r.Message != "" {
		word("message", r.Message)
	}
	number("step", r.Step)
	number("nth", r.Nth)
	number("every", r.Every)
	if r.Chance > 0 {
		word("chance", strconv.FormatFloat(r.Chance, 'g', -1, 64))
	}
	number("most", r.Most)
	return b.String()
}

// oneWord is the pattern with its spaces matched as any one character.
func oneWord(pattern string) string { return strings.ReplaceAll(pattern, " ", "?") }

func hyphened(name fmt.Stringer) string { return strings.ReplaceAll(name.String(), " ", "-") }

// Plan is what goes wrong in a run. Every rule is tried in order, and the first
// that strikes at a point or message counts.
type Plan struct {
	Seed  uint64
	Rules []Rule
}

// String is the plan as Parse reads it.
func (p Plan) String() string {
	var b strings.Builder
	if p.Seed != 0 {
		fmt.Fprintf(&b, "seed %d\n", p.Seed)
	}
	for _, r := range p.Rules {
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

// ErrNoRule: a plan without any rule is not worth a run.
var ErrNoRule = errors.New("chaos: there is no rule in the plan")

// Parse reads a plan: one rule a line, `seed N` in a line of its own, empty
// lines, and comments from # on. The error names the line.
func Parse(text string) (Plan, error) {
	var plan Plan
	seeded := false
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		var err error
		switch {
		case words[0] != "seed":
			err = plan.readRule(words)
		case seeded:
			err = errors.New("there is a seed already")
		default:
			seeded = true
			err = plan.readSeed(words[1:])
		}
		if err != nil {
			return Plan{}, fmt.Errorf("chaos: line %d: %w", number, err)
		}
	}
	return plan, lines.Err()
}

func (p *Plan) readSeed(words []string) (err error) {
	if len(words) != 1 {
		return errors.New("seed wants one number")
	}
	if p.Seed, err = strconv.ParseUint(words[0], 10, 64); err != nil {
		return fmt.Errorf("seed wants a whole number below 2^64, not %q", words[0])
	}
	return nil
}

func (p *Plan) readRule(words []string) (err error) {
	r := Rule{Phase: Anywhere, Class: AnyClass}
	if r.Do, err = named(words[0], "action", Kill, Drop, Again, Delay, Suspend); err != nil {
		return err
	}
	if len(words) < 2 {
		return fmt.Errorf("%v wants the path of an actor", r.Do)
	}
	r.Path = words[1]
	seen := make(map[string]bool)
	for rest := words[2:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) == 1 {
			return fmt.Errorf("%q wants a value", rest[0])
		}
		if seen[rest[0]] {
			return fmt.Errorf("%s is there twice", rest[0])
		}
		seen[rest[0]] = true
		if err := r.read(rest[0], rest[1]); err != nil {
			return err
		}
	}
	if r.lasts() && r.By <= 0 {
		return fmt.Errorf("%v wants by DURATION", r.Do)
	}
	p.Rules = append(p.Rules, r)
	return nil
}

// read takes one condition of a rule.
func (r *Rule) read(name, value string) (err error) {
	kill := r.Do == Kill
	switch {
	case name == "phase" && kill:
		r.Phase, err = named(value, "phase",
			supervision.Starting, supervision.Acknowledging, supervision.BeforeMessage, supervision.AfterMessage,
			supervision.BeforeEffect, supervision.AfterEffect, supervision.Stopping)
	case name == "class" && !kill:
		r.Class, err = named(value, "class", supervision.MustDeliver, supervision.LatestWins, supervision.Droppable)
	case name == "by" && r.lasts():
		if r.By, err = time.ParseDuration(value); err != nil || r.By <= 0 {
			err = fmt.Errorf("by wants a time above 0, as 50ms, not %q", value)
		}
	case name == "message":
		r.Message = value
	case name == "step" && kill:
		r.Step, err = above0(name, value)
	case name == "nth":
		r.Nth, err = above0(name, value)
	case name == "every":
		r.Every, err = above0(name, value)
	case name == "most":
		r.Most, err = above0(name, value)
	case name == "chance":
		r.Chance, err = strconv.ParseFloat(value, 64)
		if err != nil || !(r.Chance > 0 && r.Chance <= 1) {
			err = fmt.Errorf("chance is above 0 and at most 1, not %q", value)
		}
	default:
		err = fmt.Errorf("%v has no %q", r.Do, name)
	}
	return err
}

// above0 reads the number of a condition: zero would be no condition.
func above0(name, value string) (uint64, error) {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s wants a whole number above 0, not %q", name, value)
	}
	return n, nil
}

// Check refuses rules that no run could follow. Parse has checked what it read.
func (p Plan) Check() error {
	for i, r := range p.Rules {
		switch {
		case r.Do < Kill || r.Do > Suspend:
			return fmt.Errorf("chaos: rule %d has no action", i+1)
		case r.lasts() && r.By <= 0:
			return fmt.Errorf("chaos: rule %d: %v wants by DURATION", i+1, r.Do)
		case !(r.Chance >= 0 && r.Chance <= 1):
			return fmt.Errorf("chaos: rule %d: chance is above 0 and at most 1, not %v", i+1, r.Chance)
		}
	}
	return nil
}

// named finds what has that name.
func named[T fmt.Stringer](name, what string, all ...T) (T, error) {
	known := make([]string, 0, len(all))
	for _, v := range all {
		if hyphened(v) == name {
			return v, nil
		}
		known = append(known, hyphened(v))
	}
	var none T
	return none, fmt.Errorf("no %s %q; there are %s", what, name, strings.Join(known, ", "))
}

// Replay is the plan that kills again where the crash reports say that an actor
// was killed. Step numbers are those of a run with an Injector, as Config.Chaos
// makes actors count more steps than without.
func Replay(crashes []*supervision.Crash) Plan {
	var plan Plan
	for _, c := range crashes {
		if !c.Killed || c.Step == 0 {
			continue
		}
		plan.Rules = append(plan.Rules, Rule{
			Do: Kill, Path: c.Path, Phase: c.Phase, Class: AnyClass, Message: c.Message, Step: c.Step,
		})
	}
	return plan
}
