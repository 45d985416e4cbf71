package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/waymeet/waymeet/messages"
)

const (
	// headerWithin says how long the caller waits, as time.Duration prints it.
	headerWithin = "Waymeet-Within"
	// answerGrace is how much longer it then waits for the answer: whether what it
	// asked for was done, or is not done any more, the node alone knows.
	answerGrace = 5 * time.Second
)

// change asks the node for what must not be done twice. It is the node that gives up
// when the time of ctx is over, and says what became of it; where no answer comes,
// the error says that this is not known.
func change[R any](ctx context.Context, c *Client, path string, body io.Reader) (reply R, err error) {
	waiting, stop := longer(ctx)
	defer stop()
	request, err := newRequest(waiting, http.MethodPost, path, body)
	if err != nil {
		return reply, err
	}
	if deadline, limited := ctx.Deadline(); limited {
		request.Header.Set(headerWithin, time.Until(deadline).String())
	}
	answer, err := c.http.Do(request)
	var problem messages.Problem
	switch {
	case errors.As(err, &problem):
		return reply, problem // no node runs, so it was asked for nothing
	case err != nil:
		return reply, doubtful(transportProblem(waiting, err))
	case answer.StatusCode >= http.StatusBadRequest:
		defer answer.Body.Close()
		return reply, readProblem(answer)
	}
	reply, err = readAnswer[R](answer)
	return reply, doubtful(err)
}

// longer is ctx with answerGrace more, where its time is limited.
func longer(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited {
		return ctx, func() {}
	}
	waiting, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(answerGrace))
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	return waiting, func() { stop(); cancel() }
}

// doubtful is a Problem with the answer: what was asked for may be done though.
func doubtful(err error) error {
	var problem messages.Problem
	if !errors.As(err, &problem) {
		return err
	}
	problem.Whose += ", so what was asked for may be done all the same"
	problem.Hint = hintDoubtful
	return problem
}

// within is how long a request may take: as long as its caller waits, and no longer
// than limit.
func within(r *http.Request, limit time.Duration) time.Duration {
	asked, err := time.ParseDuration(r.Header.Get(headerWithin))
	if err != nil {
		return limit
	}
	return min(limit, asked)
}
