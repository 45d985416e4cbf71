package messages_test

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 1.4: "Only a *greater* value is new; an equal or older one changes
// nothing".
func TestOnlyAGreaterGenerationIsNew(t *testing.T) {
	for _, test := range []struct {
		a, b uint64
		want bool
	}{{2, 1, true}, {1, 1, false}, {1, 2, false}, {0, ^uint64(0), false}} {
		got := []bool{
			messages.Epoch(test.a).After(messages.Epoch(test.b)),
			messages.CandidateGeneration(test.a).After(messages.CandidateGeneration(test.b)),
			messages.NetworkGeneration(test.a).After(messages.NetworkGeneration(test.b)),
		}
		for at, after := range got {
			if after != test.want {
				t.Errorf("type %d: %d after %d is %t", at, test.a, test.b, after)
			}
		}
	}
}
