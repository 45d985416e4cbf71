package tree

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// classTable is what classes.go decides: inbox, message, class in words.
type classTable map[string]map[string]string

// Every message of every inbox has a class that somebody has decided, every
// actor uses that of its inbox, and docs/supervision.md shows those that are
// not the plain one.
func TestEveryMessageHasAClass(t *testing.T) {
	table, functions := readClasses(t)
	inboxes := readInboxes(t)
	for inbox, all := range inboxes {
		for message := range all {
			if table[inbox][message] == "" {
				t.Errorf("nobody has decided the class of %s in %s", message, inbox)
			}
		}
		for message := range table[inbox] {
			if !all[message] {
				t.Errorf("%s is no message of %s", message, inbox)
			}
		}
	}
	for inbox := range table {
		if inboxes[inbox] == nil {
			t.Errorf("%s is no inbox", inbox)
		}
	}
	workers := readWorkers(t)
	for inbox, sort := range workers {
		if sort != functions[inbox] {
			t.Errorf("the actor with inbox %s sorts by %q, not by %q", inbox, sort, functions[inbox])
		}
	}
	if len(workers) != len(inboxes) {
		t.Errorf("%d actors for %d inboxes", len(workers), len(inboxes))
	}
	checkDocumented(t, table)
}

// checkDocumented compares the table in docs/supervision.md: a row names the
// inbox, then its droppable messages, then those of which the latest wins.
func checkDocumented(t *testing.T, table classTable) {
	t.Helper()
	text, err := os.ReadFile("../../docs/supervision.md")
	if err != nil {
		t.Fatal(err)
	}
	for inbox, classes := range table {
		var want [2][]string
		for message, class := range classes {
			switch class {
			case "droppable":
				want[0] = append(want[0], "`"+message+"`")
			case "latest":
				want[1] = append(want[1], "`"+message+"`")
			}
		}
		slices.Sort(want[0])
		slices.Sort(want[1])
		row := fmt.Sprintf("| `%s` | %s | %s |", inbox, strings.Join(want[0], ", "), strings.Join(want[1], ", "))
		if !strings.Contains(string(text), row+"\n") {
			t.Errorf("docs/supervision.md has no row\n%s", row)
		}
	}
}

// readInboxes finds every message of every inbox by its marker method.
func readInboxes(t *testing.T) map[string]map[string]bool {
	t.Helper()
	marker := regexp.MustCompile(`(?m)^func \((\w+)\) (\w+Message)\(\) +\{\}$`)
	inboxes := make(map[string]map[string]bool)
	files, err := filepath.Glob("../../messages/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range marker.FindAllSubmatch(text, -1) {
			inbox := strings.ToUpper(string(found[2][:1])) + string(found[2][1:])
			if inboxes[inbox] == nil {
				inboxes[inbox] = make(map[string]bool)
			}
			inboxes[inbox][string(found[1])] = true
		}
	}
	if len(inboxes) < 11 {
		t.Fatalf("only %d inboxes were found", len(inboxes))
	}
	return inboxes
}

// readClasses reads classes.go: what each case of each function returns; and
// the functions by inbox.
func readClasses(t *testing.T) (table classTable, functions map[string]string) {
	t.Helper()
	table, functions = make(classTable), make(map[string]string)
	file, err := parser.ParseFile(token.NewFileSet(), "classes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || !strings.HasSuffix(f.Name.Name, "Sort") {
			continue
		}
		inbox := f.Type.Params.List[0].Type.(*ast.SelectorExpr).Sel.Name
		functions[inbox], table[inbox] = f.Name.Name, make(map[string]string)
		ast.Inspect(f, func(node ast.Node) bool {
			if c, ok := node.(*ast.CaseClause); ok {
				for _, x := range c.List {
					table[inbox][x.(*ast.SelectorExpr).Sel.Name] = classOf(c)
				}
			}
			return true
		})
	}
	return table, functions
}

// classOf is what a case returns, in a word; one that returns nothing leaves
// the rest of the function to say that the message must be delivered.
func classOf(c *ast.CaseClause) string {
	if len(c.Body) == 0 {
		return "must"
	}
	x := c.Body[0].(*ast.ReturnStmt).Results[0]
	if call, ok := x.(*ast.CallExpr); ok {
		x = call.Fun
	}
	if name := x.(*ast.Ident).Name; !strings.HasPrefix(name, "latest") {
		return name
	}
	return "latest"
}

// readWorkers finds every WorkerSpec of an inbox of messages, and its Sort.
func readWorkers(t *testing.T) map[string]string {
	t.Helper()
	workers := make(map[string]string)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, ok := node.(*ast.CompositeLit); ok && !strings.HasSuffix(name, "_test.go") {
				if inbox := workerInbox(literal); inbox != "" {
					workers[inbox] = field(literal, "Sort")
				}
			}
			return true
		})
	}
	return workers
}

// workerInbox is X in supervision.WorkerSpec[messages.X]{…}; empty: it is none.
func workerInbox(literal *ast.CompositeLit) string {
	of, ok := literal.Type.(*ast.IndexExpr)
	if !ok {
		return ""
	}
	generic, ok := of.X.(*ast.SelectorExpr)
	inbox, exported := of.Index.(*ast.SelectorExpr)
	if !ok || !exported || generic.Sel.Name != "WorkerSpec" {
		return ""
	}
	return inbox.Sel.Name
}

// field is the name that a field of a literal is set to.
func field(literal *ast.CompositeLit, name string) string {
	for _, element := range literal.Elts {
		pair := element.(*ast.KeyValueExpr)
		if value, ok := pair.Value.(*ast.Ident); ok && pair.Key.(*ast.Ident).Name == name {
			return value.Name
		}
	}
	return ""
}

// What others can make an actor hear at will keeps nothing else out of its
// mailbox, and waits only as long as there is room.
func TestFloodLeavesRoom(t *testing.T) {
	floods := map[string]func(t *testing.T){
		"hellos":        flooded[messages.ChannelManagerMessage](managerSort, messages.HelloReceived{}, messages.ChannelClosed{}),
		"answers":       flooded[messages.HandshakerMessage](handshakerSort, messages.HandshakeAnswered{}, messages.DataConfirmed{}),
		"coordination":  flooded[messages.PeerConnectionMessage](pairSort, messages.Coordination{}, messages.PathSilent{}),
		"probes":        flooded[messages.PeerConnectionMessage](pairSort, messages.ProbeReceived{}, messages.ChannelDown{}),
		"probe answers": flooded[messages.PeerConnectionMessage](pairSort, messages.ProbeAnswered{}, messages.RelayLost{}),
		"knocks":        flooded[messages.InviterMessage](inviterSort, messages.TicketHello{}, messages.ClaimStored{}),
		"relay control": flooded[messages.RelayClientMessage](relaySort, messages.RelayControlReceived{}, messages.RelayDialSlot{}),
		"requests":      flooded[messages.RelayForwarderMessage](forwarderSort, messages.RelayRequest{}, messages.RelaySessionsUsed{}),
	}
	for _, name := range slices.Sorted(maps.Keys(floods)) {
		t.Run(name, floods[name])
	}
}

// flooded fills the mailbox of an actor that sorts so, and then tells it as
// many messages that must be delivered: all are, and one more is refused.
func flooded[M any](sort func(M) supervision.Sort, flood, other M) func(t *testing.T) {
	const room = 8
	return func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			inbox, heard := suspended(t, sort, room)
			for range 3 * room {
				if err := inbox.Tell(flood); err != nil {
					t.Errorf("%T: %v", flood, err)
				}
			}
			for range room {
				if err := inbox.Tell(other); err != nil {
					t.Errorf("%T: %v", other, err)
				}
			}
			if err := inbox.Tell(other); !errors.Is(err, supervision.ErrMailboxFull) {
				t.Errorf("one more than there is room for: %v", err)
			}
			for i, m := range heard() {
				if fmt.Sprintf("%T", m) != fmt.Sprintf("%T", other) {
					t.Errorf("message %d is a %T", i, m)
				}
			}
		})
	}
}

// A state takes the place of what was told before of the same thing, and of
// nothing else: not of another peer, and not of a newer generation.
func TestLatestWins(t *testing.T) {
	ana, ben := messages.AuthorityID{1}, messages.AuthorityID{2}
	t.Run("manager", arrive(managerSort,
		[]messages.ChannelManagerMessage{
			messages.PathReady{Peer: ana}, messages.PathReady{Peer: ben}, messages.PathLost{Peer: ana},
			messages.ContextChanged{}, messages.Journaled{}, messages.ContextChanged{}, messages.ContextChanged{Context: messages.ContextID{1}},
			messages.ChannelCounted{BytesSent: 1}, messages.ChannelCounted{BytesSent: 2},
		},
		[]messages.ChannelManagerMessage{
			messages.PathLost{Peer: ana}, messages.PathReady{Peer: ben}, messages.ContextChanged{}, messages.Journaled{},
			messages.ContextChanged{Context: messages.ContextID{1}}, messages.ChannelCounted{BytesSent: 2},
		}))
	t.Run("pair", arrive(pairSort,
		[]messages.PeerConnectionMessage{
			messages.LocalNetwork{Network: 2}, messages.LocalNetwork{Network: 1}, messages.LocalNetwork{Network: 2, HardNAT: true},
			messages.LocalNetwork{Network: 2, Candidates: 1}, messages.PeerEndpoints{Candidates: 4}, messages.PeerEndpoints{Candidates: 4},
			messages.HoldRelay{On: true}, messages.HoldRelay{},
		},
		[]messages.PeerConnectionMessage{
			messages.LocalNetwork{Network: 2, HardNAT: true}, messages.LocalNetwork{Network: 1},
			messages.LocalNetwork{Network: 2, Candidates: 1}, messages.PeerEndpoints{Candidates: 4}, messages.HoldRelay{},
		}))
	t.Run("network", arrive(networkSort,
		[]messages.NetworkMessage{
			messages.Interfaces{}, messages.Reflexive{Observer: "a", Network: 1}, messages.Reflexive{Observer: "b"},
			messages.Interfaces{DefaultRoutes: "eth0"}, messages.Reflexive{Observer: "a", Network: 2},
		},
		[]messages.NetworkMessage{
			messages.Interfaces{DefaultRoutes: "eth0"}, messages.Reflexive{Observer: "a", Network: 2}, messages.Reflexive{Observer: "b"},
		}))
	t.Run("publisher", arrive(publisherSort,
		[]messages.PublisherMessage{
			messages.LocalEndpoints{Network: 2}, messages.LocalEndpoints{Network: 1}, messages.ContextChanged{}, messages.ContextChanged{},
		},
		[]messages.PublisherMessage{messages.LocalEndpoints{Network: 2}, messages.LocalEndpoints{Network: 1}, messages.ContextChanged{}}))
	t.Run("sync", arrive(syncSort,
		[]messages.JournalSyncMessage{messages.JournalState{Count: 1}, messages.FactsOffered{}, messages.JournalState{Count: 2}},
		[]messages.JournalSyncMessage{messages.JournalState{Count: 2}, messages.FactsOffered{}}))
}

// arrive tells messages to an actor that waits, and compares what it hears then.
func arrive[M any](sort func(M) supervision.Sort, told, want []M) func(t *testing.T) {
	return func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			inbox, heard := suspended(t, sort, len(told))
			for _, m := range told {
				if err := inbox.Tell(m); err != nil {
					t.Fatal(err)
				}
			}
			if got := heard(); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
				t.Errorf("it heard\n%#v, not\n%#v", got, want)
			}
		})
	}
}

// ear is an actor that notes what it hears.
type ear[M any] struct{ heard *[]M }

func (e ear[M]) Start(*supervision.Context[M]) error { return nil }
func (e ear[M]) Receive(_ *supervision.Context[M], m M) {
	*e.heard = append(*e.heard, m)
}
func (e ear[M]) Stop(*supervision.Context[M]) {}

// suspended runs an ear that hears nothing before heard is called.
func suspended[M any](t *testing.T, sort func(M) supervision.Sort, room int) (inbox supervision.Ref[M], heard func() []M) {
	t.Helper()
	var all []M
	tree, err := supervision.Start(supervision.Config{}, supervision.SupervisorSpec{Children: []supervision.Child{
		supervision.WorkerSpec[M]{
			Name: "ear", Mailbox: room, Sort: sort, New: func() supervision.Actor[M] { return ear[M]{&all} },
		}.Child(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	tree.Suspend("/ear")
	synctest.Wait()
	return supervision.Lookup[M](tree, "/ear"), func() []M {
		tree.Resume("/ear")
		synctest.Wait()
		return all
	}
}
