package actorstest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/actors/actorstest"
	"github.com/waymeet/waymeet/supervision"
)

// inboxes are the kinds of actors of a node, and the mark of the messages that
// each takes.
var inboxes = map[string]string{
	"store": "journalMessage", "sync": "journalSyncMessage", "publisher": "publisherMessage",
	"generations": "networkMessage", "manager": "channelManagerMessage", "pair": "peerConnectionMessage",
	"handshaker": "handshakerMessage", "relay client": "relayClientMessage", "inviter": "inviterMessage", "join": "joinerMessage",
}

// within are the messages that an actor gets only in its start or its stop: who
// is to die before or after them dies as the life begins, before its supervisor
// hears of it, or as it ends.
var within = map[actorstest.Cell][2]supervision.Phase{
	{Actor: "store", Message: "messages.Tick"}:                   {supervision.Starting, supervision.Acknowledging},
	{Actor: "generations", Message: "messages.SocketBound"}:      {supervision.Starting, supervision.Acknowledging},
	{Actor: "handshaker", Message: "messages.InitiateHandshake"}: {supervision.Starting, supervision.Acknowledging},
	{Actor: "handshaker", Message: "messages.AnswerHandshake"}:   {supervision.Starting, supervision.Acknowledging},
	{Actor: "inviter", Message: "messages.RestoreTickets"}:       {supervision.Starting, supervision.Acknowledging},
	{Actor: "join", Message: "messages.BeginJoin"}:               {supervision.Starting, supervision.Acknowledging},
	{Actor: "relay client", Message: "messages.RelayLeave"}:      {supervision.Stopping, supervision.AfterEffect},
}

// inboxOf reads which messages carry which mark out of the package that defines
// them: whoever adds one has to see it killed.
func inboxOf(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../../messages/*.go")
	if err != nil {
		t.Fatal(err)
	}
	marked := map[string][]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Type.Params.NumFields() > 0 {
				continue
			}
			if of, ok := f.Recv.List[0].Type.(*ast.Ident); ok {
				marked[f.Name.Name] = append(marked[f.Name.Name], "messages."+of.Name)
			}
		}
	}
	return marked
}

// matrixSeeds bounds the storms in which every cell must be killed; a short
// test, which the race detector slows down, only begins.
const (
	matrixSeeds      = 200
	matrixSeedsShort = 4
)

// Every actor dies before and after every message that it takes, and all ends
// well.
func TestKillMatrix(t *testing.T) {
	most, may := uint64(matrixSeeds), 0
	marked := inboxOf(t)
	if testing.Short() {
		most, may = matrixSeedsShort, len(readMatrix(actorstest.NewHunt(), marked))
	}
	hunt, empty := actorstest.NewHunt(), 1
	var rows []row
	for seed := uint64(1); seed <= most && empty > 0; seed++ {
		reseed(t, seed)
		for _, fault := range hunt.Run(seed) {
			t.Errorf("seed %d: %s", seed, fault)
		}
		rows, empty = readMatrix(hunt, marked), 0
		for _, r := range rows {
			empty += r.empty()
		}
	}
	for _, r := range rows {
		t.Log(r)
	}
	t.Logf("%d of %d cells are empty", empty, 2*len(rows))
	if empty > may || len(rows) < 80 {
		t.Errorf("%d of %d cells are empty", empty, 2*len(rows))
	}
}

// row is one of the matrix: how often an actor died before and after a message.
type row struct {
	actor, message string
	before, after  int
}

func (r row) String() string {
	return fmt.Sprintf("%-13s %-34s %5d %5d", r.actor, strings.TrimPrefix(r.message, "messages."), r.before, r.after)
}

// empty counts the empty cells.
func (r row) empty() (n int) {
	for _, deaths := range []int{r.before, r.after} {
		if deaths == 0 {
			n++
		}
	}
	return n
}

func readMatrix(hunt *actorstest.Hunt, marked map[string][]string) []row {
	var rows []row
	for _, actor := range slices.Sorted(maps.Keys(inboxes)) {
		for _, message := range slices.Sorted(slices.Values(marked[inboxes[actor]])) {
			before, after := deaths(hunt, actor, message)
			rows = append(rows, row{actor, message, before, after})
		}
	}
	return rows
}

// deaths are how often an actor died before and after a message.
func deaths(hunt *actorstest.Hunt, actor, message string) (before, after int) {
	cell := actorstest.Cell{Actor: actor, Message: message}
	if at, ok := within[cell]; ok {
		return hunt.Deaths(actorstest.Cell{Actor: actor}, at[0]), hunt.Deaths(actorstest.Cell{Actor: actor}, at[1])
	}
	return hunt.Deaths(cell, supervision.BeforeMessage), hunt.Deaths(cell, supervision.AfterMessage)
}
