package waymeet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

// chat is a type of fact of this test's own.
const chat = waymeet.FactApplication + 7

// say appends a fact.
func say(t *testing.T, to waymeet.Context, text string) waymeet.FactID {
	t.Helper()
	id, err := to.Append(patient(t), chat, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// read is what the facts say that a query finds, and the cursor behind them.
func read(t *testing.T, from waymeet.Context, query waymeet.FactQuery) (texts []string, cursor waymeet.FactCursor) {
	t.Helper()
	cursor = query.After
	for fact, err := range from.Facts(patient(t), query) {
		if err != nil {
			t.Fatal(err)
		}
		texts, cursor = append(texts, string(fact.Body)), fact.Cursor
	}
	return texts, cursor
}

func TestFactsAreReadAsTheyWereAppended(t *testing.T) {
	t.Parallel()
	node := startNode(t, waymeet.Config{})
	here, err := node.Found(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := range 300 { // more than are read at once
		want = append(want, fmt.Sprint("fact ", n))
		say(t, here, want[n])
	}
	if _, err := here.Append(patient(t), waymeet.FactApplication, nil); err != nil {
		t.Fatal(err)
	}
	all, last := read(t, here, waymeet.FactQuery{})
	if !slices.Equal(all, append(want, "")) {
		t.Errorf("read %d facts: %.100q", len(all), all)
	}
	var refused error
	for _, err := range here.Facts(patient(t), waymeet.FactQuery{From: 20000, To: 17000}) {
		refused = err
	}
	if p := problem(t, refused); p.Code != waymeet.ExitUsage || p.Whose != "no type is in that range" {
		t.Errorf("a range that is empty: %+v", p)
	}
	for name, test := range map[string]struct {
		query waymeet.FactQuery
		want  int
	}{
		"the type":         {waymeet.FactQuery{From: chat, To: chat}, 300},
		"another type":     {waymeet.FactQuery{To: chat - 1}, 1},
		"no such type":     {waymeet.FactQuery{From: chat + 1}, 0},
		"the author":       {waymeet.FactQuery{Author: node.Authority()}, 301},
		"another author":   {waymeet.FactQuery{Author: waymeet.AuthorityID{1}}, 0},
		"behind the end":   {waymeet.FactQuery{After: last}, 0},
		"a type and after": {waymeet.FactQuery{From: chat, After: firstCursor(t, here)}, 299},
	} {
		if got, _ := read(t, here, test.query); len(got) != test.want {
			t.Errorf("%s: %d facts, want %d", name, len(got), test.want)
		}
	}
	for _, err := range here.Facts(patient(t), waymeet.FactQuery{After: last + 1, Follow: true}) {
		if p := problem(t, err); p.Code != waymeet.ExitUsage || !strings.Contains(p.What, "no fact has had the cursor") {
			t.Errorf("after a cursor that no fact has had: %v", err)
		}
	}
	if _, err := here.Append(patient(t), 9, nil); problem(t, err).Code != waymeet.ExitUsage {
		t.Errorf("a type below the host's: %v", err)
	}
}

// firstCursor is the one behind the first fact.
func firstCursor(t *testing.T, from waymeet.Context) waymeet.FactCursor {
	t.Helper()
	for fact, err := range from.Facts(patient(t), waymeet.FactQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if fact.Seq == 0 || fact.Type != chat || fact.Author.IsZero() || fact.ID.IsZero() || fact.Time == 0 || fact.Size <= len(fact.Body) {
			t.Errorf("a fact says %+v", fact)
		}
		return fact.Cursor
	}
	t.Fatal("there is no fact")
	return 0
}

// A cursor outlives its node's restart, and who follows misses nothing.
func TestFollowerGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ben := startNode(t, waymeet.Config{StateDir: dir})
	m := meet(t, startNode(t, waymeet.Config{}), ben)
	say(t, m.here, "one")
	ctx, leave := context.WithCancel(patient(t))
	defer leave()
	var cursor waymeet.FactCursor
	heard := 0
	for fact, err := range m.there.Facts(ctx, waymeet.FactQuery{Follow: true}) {
		if err != nil {
			if !errors.Is(err, context.Canceled) || heard != 2 {
				t.Errorf("after %d facts: %v", heard, err)
			}
			break
		}
		switch heard++; heard {
		case 1:
			cursor = fact.Cursor
			say(t, m.here, "two") // while ben waits
		case 2:
			leave()
		}
		if want := []string{"one", "two"}[heard-1]; string(fact.Body) != want || fact.Author != m.anna.Authority() {
			t.Errorf("heard %q, want %q", fact.Body, want)
		}
	}
	stop(t, ben)
	ben = startNode(t, waymeet.Config{StateDir: dir})
	if texts, _ := read(t, ben.Contexts()[0], waymeet.FactQuery{After: cursor}); !slices.Equal(texts, []string{"two"}) {
		t.Errorf("after the restart ben reads %q", texts)
	}
	for _, err := range m.there.Facts(patient(t), waymeet.FactQuery{}) { // a context of the node that was
		if problem(t, err).Code != waymeet.ExitNoNode {
			t.Errorf("a node that has stopped gives %v", err)
		}
	}
}

// SPEC 2.3: "later members can read the whole history".
func TestLaterMemberReadsTheWholeHistory(t *testing.T) {
	t.Parallel()
	anna := startNode(t, waymeet.Config{})
	here, err := anna.Found(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	say(t, here, "before anybody came")
	if err := here.Rotate(patient(t)); err != nil {
		t.Fatal(err)
	}
	say(t, here, "under other keys")
	ticket, err := here.Invite(patient(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	there, err := startNode(t, waymeet.Config{}).Join(patient(t), ticket)
	if err != nil {
		t.Fatal(err)
	}
	if texts, _ := read(t, there, waymeet.FactQuery{}); !slices.Equal(texts, []string{"before anybody came", "under other keys"}) {
		t.Errorf("the later member reads %s", strings.Join(texts, ", "))
	}
}
