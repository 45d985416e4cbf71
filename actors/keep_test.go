package actors

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// A keeper asks now and then for all that ought to stand. What stands already
// goes on to do so: a publisher that is started later must not miss a slot.
func TestKeeperLeavesSlotsStanding(t *testing.T) {
	atRelay(t, func(t *testing.T, n *Node, relay messages.RelayURL) {
		scope := relayScope{1}
		for range 3 {
			if err := n.registerSlot(relayKey{relay, scope}, relayKeyOf(7), nobodySlot{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if standing := n.relays.registered(scope); len(standing) != 1 {
				t.Errorf("%d slots stand, want 1", len(standing))
			}
		}
	})
}

// Who waits for an inviter or a join hears when their supervisor begins anew:
// they do not crash then, they are stopped.
func TestRestartOfBootstrapAnswersWhoWaits(t *testing.T) {
	atRelay(t, func(t *testing.T, n *Node, relay messages.RelayURL) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		invited := n.invites.open(1)
		j, ok := n.joins.begin(messages.Ticket{
			Version: messages.CurrentVersion, Context: messages.ContextID{1}, Inviter: messages.PublicKey{1}, Secret: messages.SecretKey{1},
			Endpoints: []messages.LinkEndpoint{deadRelay(3)}, Expires: messages.MillisOf(time.Now().Add(time.Hour)),
		})
		if !ok {
			t.Fatal("no join begins")
		}
		defer n.endJoin(j.hash)
		joined := n.joinResults.open(j.hash)
		if err := n.spawnJoin(j, time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if len(joined) > 0 {
			t.Fatalf("the join has ended: %v", <-joined)
		}
		if n.Kill("/bootstrap") != 1 {
			t.Fatal("nobody was killed")
		}
		if answer, err := await(ctx, invited); err != nil || !errors.Is(answer.err, errInviterDied) {
			t.Errorf("the invitation: %v, %v", answer, err)
		}
		if answer, err := await(ctx, joined); err != nil || answer.err == nil {
			t.Errorf("the join: %v, %v", answer, err)
		}
	})
}
