package actors_test

import (
	"context"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/supervision"
)

// drawing is the tree as doc.go draws it, by place. The place of an actor is
// its path, but for what comes and goes: a child of a dynamic supervisor stands
// where its stand-in is drawn ("/contexts/<context>"), or at "*".
type drawing map[string]*drawn

// drawn is one line of the drawing.
type drawn struct {
	supervisor bool
	strategy   supervision.Strategy
	temporary  bool     // its children are
	children   []string // places, in the order of start
}

var (
	drawnRoot  = regexp.MustCompile(`(?m)^//\t/ +(.*)$`)
	drawnChild = regexp.MustCompile(`(?m)^//\t([ │]*)[├└] (\S+) +(.*)$`)
	strategies = map[string]supervision.Strategy{
		"one_for_one": supervision.OneForOne, "rest_for_one": supervision.RestForOne,
		"all_for_one": supervision.AllForOne, "dynamic": supervision.Dynamic,
	}
)

// anyChild stands for the children of a dynamic supervisor that are not drawn.
const anyChild = "*"

// readDrawing reads the drawing in doc.go.
func readDrawing(t *testing.T) drawing {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	root := drawnRoot.FindSubmatch(text)
	if root == nil {
		t.Fatal("doc.go draws no tree")
	}
	d := make(drawing)
	above := []string{"/"}
	d.add("", "/", string(root[1]))
	for _, line := range drawnChild.FindAllSubmatch(text, -1) {
		depth := (utf8.RuneCount(line[1])-1)/3 + 1
		above = above[:depth]
		place := path.Join(above[depth-1], string(line[2]))
		d.add(above[depth-1], place, string(line[3]))
		above = append(above, place)
	}
	for _, place := range slices.Sorted(maps.Keys(d)) {
		if d[place].strategy == supervision.Dynamic && len(d[place].children) == 0 {
			d.add(place, path.Join(place, anyChild), "")
		}
	}
	return d
}

// add enters a line: what stands at a place, and the words beside it.
func (d drawing) add(above, place, words string) {
	it := &drawn{temporary: strings.Contains(words, "temporary")}
	first, _, _ := strings.Cut(words, " ")
	it.strategy, it.supervisor = strategies[strings.TrimRight(first, ":,")]
	d[place] = it
	if above != "" {
		d[above].children = append(d[above].children, place)
	}
}

// place is where an actor's path is drawn; empty if it is not.
func (d drawing) place(at string) string {
	place := "/"
	for name := range strings.SplitSeq(strings.Trim(at, "/"), "/") {
		switch it := d[place]; {
		case name == "":
		case it.strategy == supervision.Dynamic:
			place = it.children[0]
		default:
			place = path.Join(place, name)
		}
		if d[place] == nil {
			return ""
		}
	}
	return place
}

// The drawing is the tree: a node that founds a context, invites, is joined by a
// peer and joins it in turn has an actor at every place, and none elsewhere.
func TestTreeIsAsDrawn(t *testing.T) {
	d := readDrawing(t)
	seen := make(map[string]bool) // place: is it a supervisor
	look := func(node *actors.Node) {
		for _, actor := range node.Inspect() {
			place := d.place(actor.Path)
			if place == "" {
				t.Errorf("%s is not drawn", actor.Path)
			} else if d[place].supervisor != actor.Supervisor {
				t.Errorf("%s is drawn as a supervisor: %v, and is one: %v", place, d[place].supervisor, actor.Supervisor)
			}
			seen[place] = true
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		founder, peer := w.start(t.TempDir(), nil), w.start(t.TempDir(), nil)
		defer every(5*time.Millisecond, func() { look(founder); look(peer) })()
		w.invite(founder, peer)
	})
	for place := range d {
		if !seen[place] {
			t.Errorf("%s is drawn, and nobody was ever there", place)
		}
	}
}

// invite makes the founder of a new context invite another node into it.
func (w *world) invite(founder, peer *actors.Node) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	founded, err := founder.Found(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(time.Second)
	ticket, err := founder.Invite(ctx, founded, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := peer.Join(ctx, ticket); err != nil {
		w.t.Fatal(err)
	}
}

// every calls f again and again until what it returns is called.
func every(interval time.Duration, f func()) (stop func()) {
	ended := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(interval):
				f()
			}
		}
	})
	return func() { close(ended); looking.Wait() }
}
