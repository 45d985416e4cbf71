package actorstest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waymeet/waymeet/supervision"
)

// Kill is one death: of an actor at a point that it passes, of an actor or a
// supervisor that is idle, or of a whole process.
type Kill struct {
	Node string
	// Path is the actor's; empty: the process dies.
	Path string
	// Phase and Message say at which point it dies, Count at which time that it
	// passes there, from 1. With Idle, and for a process, At says when.
	Phase   supervision.Phase
	Message string
	Count   int
	At      time.Duration
}

// String is the kill as a line of a plan.
func (k Kill) String() string {
	switch {
	case k.Path == "":
		return fmt.Sprintf("crash %s %s", k.Node, k.At)
	case k.Phase == supervision.Idle:
		return fmt.Sprintf("idle %s %s %s", k.Node, k.Path, k.At)
	}
	phase := strings.ReplaceAll(k.Phase.String(), " ", "-")
	return fmt.Sprintf("kill %s %s %s %s %d", k.Node, k.Path, phase, cmp.Or(k.Message, "-"), k.Count)
}

// Plan says who dies in the run of a seed, and how long the storm lasts.
type Plan struct {
	Seed  uint64
	Storm time.Duration
	Kills []Kill
}

// Timed counts the deaths of processes, and those of who was idle.
func (p Plan) Timed() (crashes, idle int) {
	for _, k := range p.Kills {
		switch {
		case k.Path == "":
			crashes++
		case k.Phase == supervision.Idle:
			idle++
		}
	}
	return crashes, idle
}

// String is the plan as ParsePlan reads it.
func (p Plan) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "seed %d\nstorm %s\n", p.Seed, p.Storm)
	for _, k := range p.Kills {
		fmt.Fprintln(&text, k)
	}
	return text.String()
}

// ParsePlan reads a plan. Empty lines and those that begin with # are for the
// reader. Its error names the line.
func ParsePlan(text string) (Plan, error) {
	var plan Plan
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if err := plan.parse(words); err != nil {
			return Plan{}, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return plan, nil
}

func (p *Plan) parse(words []string) (err error) {
	var k Kill
	switch verb := words[0]; {
	case verb == "seed" && len(words) == 2:
		p.Seed, err = strconv.ParseUint(words[1], 10, 64)
		return err
	case verb == "storm" && len(words) == 2:
		p.Storm, err = time.ParseDuration(words[1])
		return err
	case verb == "crash" && len(words) == 3:
		k = Kill{Node: words[1]}
		k.At, err = time.ParseDuration(words[2])
	case verb == "idle" && len(words) == 4:
		k = Kill{Node: words[1], Path: words[2], Phase: supervision.Idle}
		k.At, err = time.ParseDuration(words[3])
	case verb == "kill" && len(words) == 6:
		k = Kill{Node: words[1], Path: words[2], Message: strings.TrimPrefix(words[4], "-")}
		k.Phase, err = parsePhase(words[3])
		if err == nil {
			k.Count, err = strconv.Atoi(words[5])
		}
	default:
		return fmt.Errorf("%q is neither seed, storm, kill, idle nor crash", strings.Join(words, " "))
	}
	p.Kills = append(p.Kills, k)
	return err
}

func parsePhase(word string) (supervision.Phase, error) {
	for phase := supervision.Starting; phase < supervision.Idle; phase++ {
		if strings.ReplaceAll(phase.String(), " ", "-") == word {
			return phase, nil
		}
	}
	return 0, fmt.Errorf("there is no phase %q", word)
}
