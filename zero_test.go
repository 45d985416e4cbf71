package waymeet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

// Whoever forgot to look at an error holds a Context that is none.
func TestTheZeroContextSaysThatItIsNone(t *testing.T) {
	var zero waymeet.Context
	var peer waymeet.Peer
	ctx := patient(t)
	calls := map[string]func() error{
		"Invite": func() error { _, err := zero.Invite(ctx, 0); return err },
		"Append": func() error { _, err := zero.Append(ctx, waymeet.FactApplication, nil); return err },
		"Remove": func() error { return zero.Remove(ctx, waymeet.AuthorityID{1}) },
		"Rotate": func() error { return zero.Rotate(ctx) },
		"Facts": func() (last error) {
			for _, err := range zero.Facts(ctx, waymeet.FactQuery{}) {
				last = errors.Join(last, err)
			}
			return last
		},
		"OpenStream":   func() error { _, err := peer.OpenStream(ctx, "chat/1"); return err },
		"AcceptStream": func() error { _, _, err := zero.Peer(waymeet.AuthorityID{1}).AcceptStream(ctx); return err },
		"SendFile":     func() error { _, err := peer.SendFile(ctx, "a", 0, strings.NewReader("")); return err },
	}
	for name, call := range calls {
		if p := problem(t, call()); p.Code != waymeet.ExitUsage || p.What != "no context" {
			t.Errorf("%s: %v", name, p)
		}
	}
	if zero.Peers() != nil {
		t.Error("it has peers")
	}
}

func TestAFactThatIsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	here, err := startNode(t, waymeet.Config{}).Found(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Append(patient(t), waymeet.FactApplication, make([]byte, waymeet.MaxFactBody)); err != nil {
		t.Error(err)
	}
	_, err = here.Append(patient(t), waymeet.FactApplication, make([]byte, waymeet.MaxFactBody+1))
	if p := problem(t, err); p.Code != waymeet.ExitUsage || !strings.Contains(p.Whose, "61436 are the most") {
		t.Errorf("one byte more: %v", err)
	}
}
