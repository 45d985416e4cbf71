package main

import (
	"cmp"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// Every verb says what it does and takes, however it is asked.
func TestEveryVerbHasHelp(t *testing.T) {
	eachVerb(t, func(t *testing.T, verb *cobra.Command) {
		code, want, complaint := called(callOf(verb, "--help")...)
		if code != 0 || complaint != "" {
			t.Fatalf("code %d, %q", code, complaint)
		}
		form := strings.TrimSuffix(verb.CommandPath(), verb.Name()) + verb.Use
		for _, words := range []string{cmp.Or(verb.Long, verb.Short) + "\n\n", "Usage:\n  " + form + " [flags]\n"} {
			if verb.Short == "" || !strings.Contains(want, words) {
				t.Errorf("%q is missing in:\n%s", words, want)
			}
		}
		for _, call := range [][]string{callOf(verb, "-h"), append([]string{"help"}, callOf(verb)...)} {
			if code, got, complaint := called(call...); code != 0 || complaint != "" || got != want {
				t.Errorf("%q: code %d, %q, and\n%s\nwant\n%s", call, code, complaint, got, want)
			}
		}
	})
}

// What no verb can understand is said on one line, with what to try: exit code 2,
// and nothing is done.
func TestEveryVerbRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	eachVerb(t, func(t *testing.T, verb *cobra.Command) {
		for _, call := range mistakes(verb) {
			code, said, complaint := called(call...)
			if code != int(waymeet.ExitUsage) || said != "" || !oneComplaint.MatchString(complaint) {
				t.Errorf("%q: code %d, %q on stdout, %q", call, code, said, complaint)
			}
			if strings.Contains(complaint, "strconv.") || strings.Contains(complaint, "time:") {
				t.Errorf("%q names functions of Go: %q", call, complaint)
			}
			code, said, complaint = called(append([]string{"--json"}, call...)...)
			var problem waymeet.Problem
			if err := json.Unmarshal([]byte(complaint), &problem); err != nil || said != "" || code != 2 || problem.Code != waymeet.ExitUsage {
				t.Errorf("--json %q: code %d, %q on stdout, %q", call, code, said, complaint)
			}
		}
	})
}

var oneComplaint = regexp.MustCompile(`^waymeet: the command line is not understood: .+\. Try: waymeet [a-z -]+\n$`)

// mistakes are command lines that a verb does not understand.
func mistakes(verb *cobra.Command) [][]string {
	surplus := slices.Repeat([]string{"surplus"}, 9)
	calls := [][]string{
		callOf(verb, surplus...),
		callOf(verb, "--no-such-flag"),
		append([]string{"help"}, callOf(verb, "surplus")...),
	}
	if verb.HasSubCommands() {
		calls = append(calls, callOf(verb, "surplus", "--help"), callOf(verb, "--help", "surplus"))
	} else if needsArgument(verb) {
		calls = append(calls, callOf(verb))
	}
	for _, flag := range append(flagsOf(verb), flagsOf(verb.Root())...) {
		if flag.value != "" {
			calls = append(calls, callOf(verb, flag.name), callOf(verb, append(surplus, flag.name, "no such value")...))
		}
	}
	return calls
}

// needsArgument reports whether the form of a verb has a word that is no option.
func needsArgument(verb *cobra.Command) bool {
	form, _, _ := strings.Cut(verb.Use, " --")
	return slices.ContainsFunc(strings.Fields(form)[1:], func(word string) bool { return !strings.HasPrefix(word, "[") })
}

// The tests below rest on reading help; what they read must be there.
func TestFlagsAreReadOffHelp(t *testing.T) {
	program := newProgram()
	want := []flagForm{{"--context", "ID"}, {"--expires", "duration"}}
	if got := flagsOf(program.invite()); !slices.Equal(got, want) {
		t.Errorf("invite: got %v, want %v", got, want)
	}
	want = []flagForm{{"--help", ""}, {"--json", ""}, {"--state", "directory"}, {"--verbose", ""}, {"--version", ""}}
	if got := flagsOf(program.root()); !slices.Equal(got, want) {
		t.Errorf("waymeet: got %v, want %v", got, want)
	}
}

// eachVerb visits the program, every verb, and every verb of a verb.
func eachVerb(t *testing.T, visit func(t *testing.T, verb *cobra.Command)) {
	t.Helper()
	verbs := allVerbs()
	if len(verbs) < 30 {
		t.Fatalf("only %d verbs were found: the walk does not see them", len(verbs))
	}
	for _, verb := range verbs {
		t.Run(verb.CommandPath(), func(t *testing.T) { visit(t, verb) })
	}
}

// allVerbs are the program and all verbs, those of a verb behind it.
func allVerbs() (verbs []*cobra.Command) {
	root := newProgram().root()
	root.InitDefaultHelpCmd()
	var walk func(*cobra.Command)
	walk = func(verb *cobra.Command) {
		verbs = append(verbs, verb)
		for _, below := range verb.Commands() {
			walk(below)
		}
	}
	walk(root)
	return verbs
}

func newProgram() *command {
	return &command{in: strings.NewReader(""), out: output{io.Discard}, err: io.Discard}
}

// callOf is a command line that calls a verb.
func callOf(verb *cobra.Command, more ...string) []string {
	return append(strings.Fields(verb.CommandPath())[1:], more...)
}

// called runs the program: its exit code, and what it printed.
func called(args ...string) (code int, out, complaint string) {
	var said, complained strings.Builder
	code = run(args, strings.NewReader(""), &said, &complained)
	return code, said.String(), complained.String()
}

// flagForm is a flag and what help calls its value; empty: it takes none.
type flagForm struct{ name, value string }

var shownFlag = regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)(?: (\S+))? {2}`)

// flagsOf are the flags of a verb's own, as help shows them.
func flagsOf(verb *cobra.Command) (flags []flagForm) {
	for _, shown := range shownFlag.FindAllStringSubmatch(verb.LocalFlags().FlagUsages(), -1) {
		if shown[2] == "count" { // said again and again, not with a number
			shown[2] = ""
		}
		flags = append(flags, flagForm{shown[1], shown[2]})
	}
	return flags
}
