package actors

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnAskIsToldUntilItIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table asks[int, string]
		told := 0
		answer, err := ask(t.Context(), &Node{closing: t.Context()}, table.open(7), func() {
			if told++; told == 3 {
				table.answer(7, "yes")
			}
		})
		if err != nil || answer != "yes" || told != 3 {
			t.Errorf("%q, %v after %d times", answer, err, told)
		}
	})
}

func TestAnAskEndsWithItsContextOrTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table asks[int, string]
		over, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("over")
		time.AfterFunc(10*askAgain, func() { cancel(cause) })
		if _, err := ask(over, &Node{closing: t.Context()}, table.open(7), func() {}); err != cause {
			t.Errorf("got %v", err)
		}
		if _, err := ask(t.Context(), &Node{closing: over}, table.open(7), func() {}); err != ErrStopped {
			t.Errorf("of a node that stops: %v", err)
		}
	})
}
