package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waymeet/waymeet/messages"
)

func TestEveryQuestionReachesTheNode(t *testing.T) {
	node := &fakeNode{status: messages.Status{Schema: 1, Authority: messages.AuthorityID{9}, Listen: "127.0.0.1:1"}}
	client := serveFake(t, node, true)
	ctx := context.Background()

	status, err := client.Status(ctx)
	if err != nil || status.Authority != node.status.Authority || status.Listen != node.status.Listen {
		t.Errorf("status: %+v, %v", status, err)
	}
	if ticket, err := client.Invite(ctx, InviteRequest{Context: "cx-abcd", Lifetime: time.Minute}); err != nil || ticket != "wm1-ticket" {
		t.Errorf("invite: %q, %v", ticket, err)
	}
	if joined, err := client.Join(ctx, "wm1-secret"); err != nil || joined != (JoinResult{messages.ContextID{7}, messages.AuthorityID{8}}) {
		t.Errorf("join: %+v, %v", joined, err)
	}
	removed, err := client.Remove(ctx, MemberRequest{Context: "cx-abcd", Member: "ben"})
	if err != nil || removed != (ContextChange{messages.ContextID{7}, messages.AuthorityID{9}, 4}) {
		t.Errorf("remove: %+v, %v", removed, err)
	}
	rotated, err := client.Rotate(ctx, MemberRequest{Context: "cx-abcd"})
	if err != nil || rotated != (ContextChange{Context: messages.ContextID{7}, Epoch: 5}) {
		t.Errorf("rotate: %+v, %v", rotated, err)
	}
	if killed, err := client.Kill(ctx, "/channels/*"); err != nil || killed != 3 {
		t.Errorf("kill: %d, %v", killed, err)
	}
	if err := client.NetworkChange(ctx, 0); err != nil {
		t.Errorf("network change: %v", err)
	}
	if err := client.NetworkChange(ctx, 12); err != nil {
		t.Errorf("network change: %v", err)
	}
	if err := client.HoldRelay(ctx, true); err != nil {
		t.Errorf("hold relay: %v", err)
	}
	want := []any{InviteRequest{"cx-abcd", time.Minute}, "wm1-secret", MemberRequest{"cx-abcd", "ben"}, MemberRequest{Context: "cx-abcd"}, "/channels/*", messages.NetworkGeneration(0), messages.NetworkGeneration(12), true}
	if diff := cmp.Diff(want, node.asked); diff != "" {
		t.Error(diff)
	}
}

func TestAProblemCrossesTheSocketIntact(t *testing.T) {
	want := messages.Problem{Code: messages.ExitWaiting, What: "no answer", Whose: "ticket invalid or inviter offline", Hint: "a new ticket"}
	client := serveFake(t, &fakeNode{err: want}, true)
	if _, err := client.Join(context.Background(), "wm1-x"); err != want {
		t.Errorf("join: got %#v", err)
	}
	if _, err := client.Status(context.Background()); err != want {
		t.Errorf("status: got %#v", err)
	}
}

func TestAnErrorThatIsNoProblemSaysWhatFailed(t *testing.T) {
	client := serveFake(t, &fakeNode{err: errors.New("disk on fire")}, false)
	_, err := client.Invite(context.Background(), InviteRequest{})
	wantProblem(t, err, messages.ExitFailed, "disk on fire")
}

func TestDebugIsOffUnlessAskedFor(t *testing.T) {
	node := &fakeNode{}
	client := serveFake(t, node, false)
	_, err := client.Kill(context.Background(), "*")
	wantProblem(t, err, messages.ExitFailed, "--unsafe-debug")
	wantProblem(t, client.NetworkChange(context.Background(), 0), messages.ExitFailed, "--unsafe-debug")
	wantProblem(t, client.HoldRelay(context.Background(), true), messages.ExitFailed, "--unsafe-debug")
	_, err = client.Inspect(context.Background(), "/")
	wantProblem(t, err, messages.ExitFailed, "--unsafe-debug")
	_, err = client.Storm(context.Background(), anyStorm)
	wantProblem(t, err, messages.ExitFailed, "--unsafe-debug")
	if len(node.asked) != 0 {
		t.Errorf("the node was asked %v", node.asked)
	}
}

func TestRelayAnswersHowItStandsAndNothingElse(t *testing.T) {
	dir := shortDir(t)
	want := messages.RelayStatus{Schema: 1, Key: "rk-x", Slots: 1, Sessions: 2, ForwardedBytes: 3}
	server, err := ServeRelay(Config{StateDir: dir}, fakeRelay(want))
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, server)
	client := connect(t, dir)
	if got, err := client.RelayStatus(context.Background()); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = client.Status(context.Background())
	wantProblem(t, err, messages.ExitUsage, "relay")
	_, err = client.Join(context.Background(), "wm1-x")
	wantProblem(t, err, messages.ExitUsage, "relay")
}

type fakeRelay messages.RelayStatus

func (f fakeRelay) Status(context.Context) (messages.RelayStatus, error) {
	return messages.RelayStatus(f), nil
}

func (f fakeRelay) Actors(context.Context) (messages.ActorTree, error) {
	return messages.ActorTree{Actors: []messages.ActorStatus{{Path: "/forwarder"}}}, nil
}

func TestBadRequests(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"no such route", "GET", "/v2/status", "", http.StatusNotFound},
		{"wrong method", "POST", "/v1/status", "", http.StatusNotFound},
		{"unknown field", "POST", "/v1/join", `{"tickets":"a"}`, http.StatusBadRequest},
		{"no JSON", "POST", "/v1/join", "\x00\x01", http.StatusBadRequest},
		{"wrong type", "POST", "/v1/debug/hold-relay", `{"on":"yes"}`, http.StatusBadRequest},
		{"too large", "POST", "/v1/join", `{"ticket":"` + strings.Repeat("a", maxBody) + `"}`, http.StatusBadRequest},
		{"bad escape", "POST", "/v1/send", "x", http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			node := &fakeNode{}
			server := httptest.NewServer(nodeRoutes(node, true))
			defer server.Close()
			request, err := http.NewRequest(c.method, server.URL+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set(headerTo, "%zz")
			answer, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != c.status {
				t.Errorf("status %d, want %d", answer.StatusCode, c.status)
			}
			wantProblem(t, readProblem(answer), messages.ExitUsage, "")
			if len(node.asked) != 0 {
				t.Errorf("the node was asked %v", node.asked)
			}
		})
	}
}

func TestAnEmptyBodyIsTheZeroQuestion(t *testing.T) {
	node := &fakeNode{}
	recorder := httptest.NewServer(nodeRoutes(node, true))
	defer recorder.Close()
	answer, err := recorder.Client().Post(recorder.URL+"/v1/debug/network-change", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if diff := cmp.Diff([]any{messages.NetworkGeneration(0)}, node.asked); diff != "" {
		t.Error(diff)
	}
}

func TestEventsFlowUntilTheServerStops(t *testing.T) {
	dir := shortDir(t)
	node := &fakeNode{events: make(chan messages.Event, 2)}
	server, err := ServeNode(Config{StateDir: dir}, node)
	if err != nil {
		t.Fatal(err)
	}
	events, err := connect(t, dir).Events(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []messages.EventKind{messages.EventChannelUp, messages.EventPathChanged} {
		node.events <- messages.Event{Kind: kind}
		if got := <-events; got.Kind != kind {
			t.Errorf("got %v, want %v", got, kind)
		}
	}
	stop(t, server)
	if _, open := <-events; open {
		t.Error("an event came after the stop")
	}
}

func TestEventsEndWithTheCaller(t *testing.T) {
	client := serveFake(t, &fakeNode{events: make(chan messages.Event)}, false)
	ctx, cancel := context.WithCancel(context.Background())
	events, err := client.Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, open := <-events; open {
		t.Error("an event came after the caller left")
	}
}

func TestACallersTimeoutIsToldAsWaiting(t *testing.T) {
	node := &fakeNode{send: func(ctx context.Context, _, _ string, _ int64, _ io.Reader) (SendResult, error) {
		<-ctx.Done()
		return SendResult{}, ctx.Err()
	}}
	client := serveFake(t, node, false)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Send(ctx, "au-x", "f", 1, strings.NewReader("x"))
	wantProblem(t, err, messages.ExitWaiting, "timed out")
}

func TestWhoWaitsForANodeThatStopsIsToldSo(t *testing.T) {
	dir, asked := shortDir(t), make(chan struct{})
	server, err := ServeNode(Config{StateDir: dir}, &fakeNode{send: func(ctx context.Context, _, _ string, _ int64, _ io.Reader) (SendResult, error) {
		close(asked)
		<-ctx.Done()
		return SendResult{}, context.Cause(ctx)
	}})
	if err != nil {
		t.Fatal(err)
	}
	client, failed := connect(t, dir), make(chan error, 1)
	go func() {
		_, err := client.Send(context.Background(), "ben", "a", 1, strings.NewReader("a"))
		failed <- err
	}()
	<-asked
	stop(t, server)
	wantProblem(t, <-failed, messages.ExitNoNode, "the node hung up")
}

func TestWhoAskedAndLeftIsToldSo(t *testing.T) {
	client := serveFake(t, &fakeNode{}, false)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := client.Join(ctx, "wm1-secret")
	wantProblem(t, err, messages.ExitFailed, "whoever asked did not wait")
}
