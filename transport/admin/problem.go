package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/waymeet/waymeet/messages"
)

// maxProblem bounds the answer that a client reads as a Problem.
const maxProblem = 64 << 10

// hungUp is what a caller is told whose node stops or dies before the answer.
var hungUp error = messages.Problem{
	Code: messages.ExitNoNode, What: "the node hung up", Whose: "it stopped or was stopped while it was asked", Hint: "waymeet up",
}

// hintDoubtful is for what may be done though no answer came.
const hintDoubtful = "look whether it was done before you ask again"

// problemOf is err as a Problem. An error that is none says only what failed.
func problemOf(err error) messages.Problem {
	var problem messages.Problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &tooLarge):
		return messages.Problem{Code: messages.ExitUsage, What: "the request is too large", Whose: "its sender"}
	case errors.Is(err, context.DeadlineExceeded):
		return messages.Problem{Code: messages.ExitWaiting, What: "timed out", Whose: "it was not done in that time", Hint: "again, with more time"}
	case errors.Is(err, context.Canceled):
		return messages.Problem{Code: messages.ExitFailed, What: "interrupted", Whose: "whoever asked did not wait for the answer", Hint: hintDoubtful}
	}
	return messages.Problem{Code: messages.ExitFailed, What: err.Error()}
}

// httpStatus is the nearest that HTTP has; a client reads the Problem.
func httpStatus(code messages.ExitCode) int {
	switch code {
	case messages.ExitUsage:
		return http.StatusBadRequest
	case messages.ExitWaiting:
		return http.StatusGatewayTimeout
	case messages.ExitNoNode:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func writeProblem(w http.ResponseWriter, status int, problem messages.Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(problem)
}

func fail(w http.ResponseWriter, err error) {
	problem := problemOf(err)
	writeProblem(w, httpStatus(problem.Code), problem)
}

// readProblem is the error of an answer that is not a success.
func readProblem(answer *http.Response) error {
	var problem messages.Problem
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	if err != nil || json.Unmarshal(text, &problem) != nil || problem.What == "" {
		return messages.Problem{
			Code: messages.ExitFailed, What: "the node answered " + answer.Status, Whose: "it gave no reason",
			Hint: "its log",
		}
	}
	return problem
}
