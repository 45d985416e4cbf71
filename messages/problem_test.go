package messages

import (
	"errors"
	"fmt"
	"testing"
)

func TestProblemIsOneLine(t *testing.T) {
	for _, c := range []struct {
		problem Problem
		want    string
	}{
		{Problem{What: "cannot listen", Whose: "the port is in use", Hint: "another --listen"}, "cannot listen: the port is in use. Try: another --listen"},
		{Problem{What: "cannot listen", Whose: "the port is in use"}, "cannot listen: the port is in use"},
		{Problem{What: "cannot listen"}, "cannot listen"},
	} {
		if got := c.problem.Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestProblemIsFoundInAChain(t *testing.T) {
	var found Problem
	err := fmt.Errorf("while joining: %w", Problem{Code: ExitWaiting, What: "no answer"})
	if !errors.As(err, &found) || found.Code != ExitWaiting {
		t.Errorf("found %+v", found)
	}
}
