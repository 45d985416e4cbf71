package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/supervision"
)

// answers are the objects that the program prints with --json, by the heading of
// docs/cli.md under which they are explained: a verb, or an object.
var answers = map[string]reflect.Type{
	"up": reflect.TypeFor[upAnswer](), "relay": reflect.TypeFor[relayAnswer](), "id": reflect.TypeFor[idAnswer](),
	"invite": reflect.TypeFor[inviteAnswer](), "join": reflect.TypeFor[waymeet.JoinResult](), "append": reflect.TypeFor[waymeet.AppendResult](),
	"send": reflect.TypeFor[waymeet.SendResult](), "status": reflect.TypeFor[waymeet.Status](), "actors": reflect.TypeFor[waymeet.ActorTree](),
	"journal show": reflect.TypeFor[waymeet.JournalFact](), "journal verify": reflect.TypeFor[soundJournal](),
	"journal export": reflect.TypeFor[waymeet.Exported](), "journal import": reflect.TypeFor[waymeet.Imported](),
	"debug kill": counted("Killed"), "debug suspend": counted("Suspended"), "debug resume": counted("Resumed"),
	"debug inspect": reflect.TypeFor[waymeet.ActorReport](), "debug report": reflect.TypeFor[supervision.Report](),
	"debug schedule": reflect.TypeFor[scheduleAnswer](), "debug network-change": reflect.TypeFor[networkChangeAnswer](),
	"debug hold-relay": reflect.TypeFor[holdRelayAnswer](), "chaos": reflect.TypeFor[waymeet.StormStatus](),
	"demo": reflect.TypeFor[line](), "version": reflect.TypeFor[versionAnswer](),

	"problem": reflect.TypeFor[waymeet.Problem](), "context change": reflect.TypeFor[waymeet.ContextChange](), "fact": reflect.TypeFor[waymeet.Fact](),
	"status of a relay": reflect.TypeFor[waymeet.RelayStatus](), "context": reflect.TypeFor[waymeet.ContextStatus](),
	"peer": reflect.TypeFor[waymeet.PeerStatus](), "path": reflect.TypeFor[waymeet.PathStatus](), "attempts": reflect.TypeFor[waymeet.AttemptStatus](),
	"budget": fieldType[waymeet.PeerStatus]("Budget"), "use of a relay": reflect.TypeFor[waymeet.RelayUse](),
	"candidate": fieldType[waymeet.Status]("Nearby").Elem(), "actor": reflect.TypeFor[waymeet.ActorStatus](),
	"step": reflect.TypeFor[waymeet.ActorStep](), "crash": reflect.TypeFor[waymeet.ActorCrash](),
	"actor of a report": reflect.TypeFor[supervision.ActorInfo](), "crash of a report": reflect.TypeFor[supervision.Crash](),
	"totals": reflect.TypeFor[supervision.Totals](), "actor in a storm": reflect.TypeFor[waymeet.StormActor](),
	"event": reflect.TypeFor[waymeet.Event](), "summary of a journal": reflect.TypeFor[waymeet.JournalSummary](),
	"line of a journal": reflect.TypeFor[waymeet.JournalLine](),
}

// counted is the object of a verb that counts actors, which is a map.
func counted(name string) reflect.Type {
	tag := reflect.StructTag(fmt.Sprintf("json:%q", strings.ToLower(name)))
	return reflect.StructOf([]reflect.StructField{{Name: name, Type: reflect.TypeFor[int](), Tag: tag}})
}

func fieldType[S any](name string) reflect.Type {
	field, _ := reflect.TypeFor[S]().FieldByName(name)
	return field.Type
}

// Each verb has its section, with its form and its flags, and there is none else.
func TestReferenceKnowsEveryVerb(t *testing.T) {
	sections, err := readReference()
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{}
	for _, verb := range allVerbs() {
		name := heading(verb)
		explained[name] = true
		section, there := sections[name]
		if !there {
			t.Errorf("docs/cli.md has no section %q", name)
			continue
		}
		if form := formOf(verb); !strings.HasPrefix(section, "\n    "+form+"\n\n") {
			t.Errorf("%s: the section does not begin with its form, %q", name, form)
		}
		if got, want := flagRows(section), flagsOf(verb); !slices.Equal(got, want) {
			t.Errorf("%s: docs/cli.md has the flags %v, the program %v", name, got, want)
		}
		if answers[name] == nil && !saysItsJSON.MatchString(section) {
			t.Errorf("%s: it is not said what it prints with --json", name)
		}
		if len(callsIn(section)) < 2 {
			t.Errorf("%s: there is no example", name)
		}
	}
	for name := range sections {
		if !explained[name] && answers[name] == nil {
			t.Errorf("docs/cli.md explains %q, which the program does not know", name)
		}
	}
}

// saysItsJSON: a verb that prints objects of others, or none.
var saysItsJSON = regexp.MustCompile(`JSON: (?:none|a\s+\[[^]]+\]\(#)`)

// Each field of what is printed as JSON has its row, with its type and whether it
// may be absent, and there is none else.
func TestReferenceKnowsEveryField(t *testing.T) {
	sections, err := readReference()
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range answers {
		got := fieldRows(sections[name])
		want := fieldsOf(answer)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ndocs/cli.md has\n%v\nthe program\n%v", name, got, want)
		}
	}
}

// The examples of all documents are command lines that the program understands.
func TestEveryExampleIsUnderstood(t *testing.T) {
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, name := range append(names, "../../README.md", "../../deploy/README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range callsIn(string(text)) {
			examples++
			if err := understood(call); err != nil {
				t.Errorf("%s: waymeet %q: %v", name, call, err)
			}
		}
	}
	if examples < 40 {
		t.Fatalf("only %d examples were found", examples)
	}
	for _, wrong := range []string{"up --wings", "journal shew", "join", "chaos --rate high"} {
		if understood(strings.Fields(wrong)) == nil {
			t.Errorf("%q would be taken for a good example", wrong)
		}
	}
}

// understood reads a command line and does nothing.
func understood(args []string) error {
	root := newProgram().root()
	root.InitDefaultHelpCmd()
	verb, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if strings.Join(args, " ") == strings.TrimPrefix(formOf(verb), "waymeet ") {
		return nil // a form, with names for what is to be put there
	}
	if err := verb.ParseFlags(rest); err != nil {
		return err
	}
	return verb.ValidateArgs(verb.Flags().Args())
}

var (
	indentedLine = regexp.MustCompile(`(?m)^    .*$`)
	waymeetCall  = regexp.MustCompile(`(?:^ {4}|\./|\(|[|&] |-- )waymeet( [^|<>#;&)]*)?`)
	nestedCall   = regexp.MustCompile(`"\$\(.*?\)"`)
)

// callsIn are the arguments of each call of the program in the indented lines of a
// text, which are code.
func callsIn(text string) (calls [][]string) {
	for _, code := range indentedLine.FindAllString(text, -1) {
		for _, call := range waymeetCall.FindAllStringSubmatch(nestedCall.ReplaceAllString(code, "X"), -1) {
			calls = append(calls, strings.Fields(strings.ReplaceAll(call[1], "'", "")))
		}
	}
	return calls
}
