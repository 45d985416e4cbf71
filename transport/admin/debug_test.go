package admin

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waymeet/waymeet/messages"
)

// storm is what a fakeNode is asked for; it lasts until Calm or its caller
// leaves.
type storm struct {
	calm  chan struct{}
	ended chan error
}

func (f *fakeNode) Actors(context.Context) (messages.ActorTree, error) { return f.actors, f.err }

func (f *fakeNode) Kill(_ context.Context, pattern string) (int, error) { return 3, f.note(pattern) }

func (f *fakeNode) Suspend(_ context.Context, pattern string) (int, error) {
	return 4, f.note("suspend " + pattern)
}

func (f *fakeNode) Resume(_ context.Context, pattern string) (int, error) {
	return 5, f.note("resume " + pattern)
}

func (f *fakeNode) Inspect(_ context.Context, path string) (ActorReport, error) {
	return f.report, f.note("inspect " + path)
}

func (f *fakeNode) Report(context.Context) (json.RawMessage, error) {
	return json.RawMessage(`{"totals":{"lives":7}}`), f.note("report")
}

func (f *fakeNode) Schedule(context.Context) (string, error) {
	return "kill /a step 1\n", f.note("schedule")
}

func (f *fakeNode) Calm(context.Context) error {
	close(f.storm.calm)
	return nil
}

func (f *fakeNode) Storm(ctx context.Context, q StormRequest, told func(StormStatus)) error {
	if err := f.note(q); err != nil {
		return err
	}
	told(StormStatus{Kills: 1})
	select {
	case <-ctx.Done():
		f.storm.ended <- ctx.Err()
		return ctx.Err()
	case <-f.storm.calm:
		told(StormStatus{Kills: 2, Over: true, ByPath: map[string]StormActor{"/a": {Kills: 2}}})
		f.storm.ended <- nil
		return nil
	}
}

func (f *fakeNode) NetworkChange(_ context.Context, g messages.NetworkGeneration) error {
	return f.note(g)
}

func (f *fakeNode) HoldRelay(_ context.Context, on bool) error { return f.note(on) }

func TestEveryDebugQuestionReachesTheNode(t *testing.T) {
	step := ActorStep{Seq: 9, Phase: "before message", Message: "messages.Tick"}
	node := &fakeNode{report: ActorReport{
		ActorStatus: messages.ActorStatus{Path: "/channels/manager", State: "up", Attempts: &messages.AttemptStatus{Used: 1, Max: 5}},
		Tasks:       []string{"watch"}, Last: []ActorStep{step},
		Crashes: []ActorCrash{{Incarnation: 4, At: time.UnixMilli(5).UTC(), ActorStep: step, Reason: "killed", Killed: true, Stack: "f\ng\n"}},
	}}
	client := serveFake(t, node, true)
	ctx := context.Background()
	if n, err := client.Suspend(ctx, "/a*"); n != 4 || err != nil {
		t.Errorf("suspend: %d, %v", n, err)
	}
	if n, err := client.Resume(ctx, "/a*"); n != 5 || err != nil {
		t.Errorf("resume: %d, %v", n, err)
	}
	report, err := client.Inspect(ctx, "/channels/manager")
	if diff := cmp.Diff(node.report, report); diff != "" || err != nil {
		t.Errorf("inspect: %v %s", err, diff)
	}
	if text, err := client.Report(ctx); string(text) != `{"totals":{"lives":7}}` || err != nil {
		t.Errorf("report: %s, %v", text, err)
	}
	if plan, err := client.Schedule(ctx); plan != "kill /a step 1\n" || err != nil {
		t.Errorf("schedule: %q, %v", plan, err)
	}
	want := []any{"suspend /a*", "resume /a*", "inspect /channels/manager", "report", "schedule"}
	if diff := cmp.Diff(want, node.asked); diff != "" {
		t.Error(diff)
	}
}

func TestActorsOfANodeAndOfARelay(t *testing.T) {
	want := messages.ActorTree{Schema: 1, Actors: []messages.ActorStatus{{Path: "/", Supervisor: true, State: "up"}, {Path: "/forwarder", State: "down", Mailbox: 3}}}
	client := serveFake(t, &fakeNode{actors: want}, false)
	got, err := client.Actors(context.Background())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("node: %v %s", err, diff)
	}
	dir := shortDir(t)
	server, err := ServeRelay(Config{StateDir: dir}, fakeRelay{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, server)
	if got, err = connect(t, dir).Actors(context.Background()); err != nil || len(got.Actors) != 1 || got.Actors[0].Path != "/forwarder" {
		t.Errorf("relay: %+v, %v", got, err)
	}
}

var anyStorm = StormRequest{Rate: 100, For: time.Minute}

// The lines come as they are told, and the last word also after Calm.
func TestAStormIsToldUntilItsLastWord(t *testing.T) {
	node := &fakeNode{storm: storm{make(chan struct{}), make(chan error, 1)}}
	client := serveFake(t, node, true)
	news, err := client.Storm(context.Background(), anyStorm)
	if err != nil {
		t.Fatal(err)
	}
	if status := <-news; status.Kills != 1 || status.Over {
		t.Errorf("first %+v", status)
	}
	if err := client.Calm(context.Background()); err != nil {
		t.Fatal(err)
	}
	if status := <-news; status.Kills != 2 || !status.Over || status.ByPath["/a"].Kills != 2 {
		t.Errorf("last %+v", status)
	}
	if _, more := <-news; more {
		t.Error("a word after the last one")
	}
	if diff := cmp.Diff([]any{anyStorm}, node.asked); diff != "" {
		t.Error(diff)
	}
}

// Nobody hurts a node that has lost who asked for it.
func TestAStormEndsWithItsCaller(t *testing.T) {
	node := &fakeNode{storm: storm{make(chan struct{}), make(chan error, 1)}}
	client := serveFake(t, node, true)
	ctx, cancel := context.WithCancel(context.Background())
	news, err := client.Storm(ctx, anyStorm)
	if err != nil {
		t.Fatal(err)
	}
	<-news
	cancel()
	select {
	case err := <-node.storm.ended:
		if err != context.Canceled {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}

func TestAStormThatCannotBeginIsAnError(t *testing.T) {
	client := serveFake(t, &fakeNode{err: messages.Problem{Code: messages.ExitFailed, What: "nobody to kill"}}, true)
	_, err := client.Storm(context.Background(), anyStorm)
	wantProblem(t, err, messages.ExitFailed, "nobody")
}

func TestStormRequests(t *testing.T) {
	for _, good := range []StormRequest{anyStorm, {Plan: "kill *", For: time.Second}, {Rate: maxStormRate, For: maxStormTime, Actors: "/a"}} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	node := &fakeNode{}
	client := serveFake(t, node, true)
	for words, bad := range map[string]StormRequest{
		"0 kills":           {For: time.Minute},
		"NaN kills":         {Rate: nan(), For: time.Minute},
		"1001 kills":        {Rate: maxStormRate + 1, For: time.Minute},
		"it is to last 0s":  {Rate: 1},
		"it is to last 1h0": {Rate: 1, For: maxStormTime + 1},
		"a plan says":       {Rate: 1, Plan: "kill *", For: time.Second},
		"a plan says itself whom": {
			Actors: "/a", Plan: "kill *", For: time.Second,
		},
	} {
		_, err := client.Storm(context.Background(), bad)
		wantProblem(t, err, messages.ExitUsage, words)
	}
	// Nor does the server trust the client with that.
	_, err := client.do(context.Background(), "POST", "/v1/debug/storm", jsonBody(StormRequest{For: time.Second}))
	wantProblem(t, err, messages.ExitUsage, "0 kills")
	if len(node.asked) != 0 {
		t.Errorf("the node was asked %v", node.asked)
	}
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}
