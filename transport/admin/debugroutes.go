package admin

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/waymeet/waymeet/messages"
)

func debugRoutes(mux *http.ServeMux, b Debugger) {
	post(mux, "/v1/debug/kill", quickTimeout, func(ctx context.Context, q actorRequest) (killReply, error) {
		killed, err := b.Kill(ctx, q.Actor)
		return killReply{killed}, err
	})
	post(mux, "/v1/debug/suspend", quickTimeout, func(ctx context.Context, q actorRequest) (suspendReply, error) {
		suspended, err := b.Suspend(ctx, q.Actor)
		return suspendReply{suspended}, err
	})
	post(mux, "/v1/debug/resume", quickTimeout, func(ctx context.Context, q actorRequest) (resumeReply, error) {
		resumed, err := b.Resume(ctx, q.Actor)
		return resumeReply{resumed}, err
	})
	post(mux, "/v1/debug/inspect", quickTimeout, func(ctx context.Context, q actorRequest) (ActorReport, error) {
		return b.Inspect(ctx, q.Actor)
	})
	post(mux, "/v1/debug/report", quickTimeout, func(ctx context.Context, _ nothing) (json.RawMessage, error) {
		return b.Report(ctx)
	})
	post(mux, "/v1/debug/schedule", quickTimeout, func(ctx context.Context, _ nothing) (scheduleReply, error) {
		plan, err := b.Schedule(ctx)
		return scheduleReply{plan}, err
	})
	mux.HandleFunc("POST /v1/debug/storm", func(w http.ResponseWriter, r *http.Request) { streamStorm(w, r, b) })
	post(mux, "/v1/debug/calm", quickTimeout, func(ctx context.Context, _ nothing) (nothing, error) {
		return nothing{}, b.Calm(ctx)
	})
	post(mux, "/v1/debug/network-change", quickTimeout, func(ctx context.Context, q networkChange) (nothing, error) {
		return nothing{}, b.NetworkChange(ctx, q.Generation)
	})
	post(mux, "/v1/debug/hold-relay", quickTimeout, func(ctx context.Context, q holdRelay) (nothing, error) {
		return nothing{}, b.HoldRelay(ctx, q.On)
	})
}

// streamStorm writes one line for each word of the storm. A caller that hangs
// up ends it. A storm that never began is an error as any other.
func streamStorm(w http.ResponseWriter, r *http.Request, b Debugger) {
	request, err := readBody[StormRequest](w, r)
	if err == nil {
		err = request.Check()
	}
	if err != nil {
		fail(w, err)
		return
	}
	lines, told := newLineWriter[StormStatus](w), false
	err = b.Storm(r.Context(), request, func(status StormStatus) {
		told = true
		_ = lines.write(status) // the caller has hung up, which ends the storm
	})
	if err != nil && !told {
		fail(w, err)
	}
}

func refuseDebug(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, http.StatusForbidden, messages.Problem{
		Code: messages.ExitFailed, What: "debug verbs are off", Whose: "the node was started without --unsafe-debug",
		Hint: "waymeet up --unsafe-debug, in a test",
	})
}
