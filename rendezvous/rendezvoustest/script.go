package rendezvoustest

import (
	"fmt"
	"strings"
)

// A Script is a story in blocks: commands, a rule, and what they led to. What
// stands between blocks is for the reader.
//
//	# alice invites bob
//
//	invite alice home
//	----
//	     3ms  alice  …
//
// A block ends at an empty line.
type Script struct{ parts []part }

// part is a block, or lines of prose; commands is nil for prose.
type part struct {
	prose    string
	commands []string
	output   []string
}

const scriptRule = "----"

// ParseScript reads a script. Its error names the line.
func ParseScript(text string) (Script, error) {
	var script Script
	var block part
	inOutput := false
	end := func() {
		if block.commands != nil {
			script.parts = append(script.parts, block)
		}
		block, inOutput = part{}, false
	}
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case inOutput && line != "":
			block.output = append(block.output, line)
		case line == scriptRule && block.commands != nil:
			inOutput = true
		case line == scriptRule:
			return Script{}, fmt.Errorf("line %d: a rule without commands", i+1)
		case line == "" || strings.HasPrefix(line, "#"):
			if block.commands != nil && !inOutput {
				return Script{}, fmt.Errorf("line %d: commands without a rule", i+1)
			}
			end()
			script.parts = append(script.parts, part{prose: line})
		default:
			block.commands = append(block.commands, line)
		}
	}
	if block.commands != nil && !inOutput {
		return Script{}, fmt.Errorf("the last commands have no rule")
	}
	end()
	return script, nil
}

// String is the script as it was read.
func (s Script) String() string {
	var text strings.Builder
	for _, p := range s.parts {
		if p.commands == nil {
			text.WriteString(p.prose + "\n")
			continue
		}
		for _, line := range p.commands {
			text.WriteString(line + "\n")
		}
		text.WriteString(scriptRule + "\n")
		for _, line := range p.output {
			text.WriteString(line + "\n")
		}
	}
	return text.String()
}

// Play runs the commands in the world and returns the script with what they
// led to now. Its error is that of a command that cannot be run.
func (s Script) Play(w *World) (Script, error) {
	var played Script
	for _, p := range s.parts {
		if p.commands == nil {
			played.parts = append(played.parts, p)
			continue
		}
		next := part{commands: p.commands}
		w.log.begin()
		for _, line := range p.commands {
			if err := w.Do(line); err != nil {
				return played, fmt.Errorf("%s: %w", line, err)
			}
		}
		next.output = w.log.lines
		played.parts = append(played.parts, next)
	}
	return played, nil
}
