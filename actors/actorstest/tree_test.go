package actorstest

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/supervision"
)

// A simulated node has the tree of a real one: the same supervisors and actors
// at the same places.
func TestSimulatedTreeIsTheRealOne(t *testing.T) {
	n, err := actors.Start(actors.Config{Dir: t.TempDir(), Listen: netip.MustParseAddrPort("127.0.0.1:0"), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := n.Found(ctx); err != nil {
		t.Fatal(err)
	}
	r := newRun(1, nobody{}, false)
	r.pass(5 * time.Second)
	real, simulated := places(n.Report().Actors), places(r.stage.running("alice").tree.Inspect())
	if diff := cmp.Diff(real, simulated); diff != "" || len(real) < 15 {
		t.Errorf("%d places (-real +simulated):\n%s", len(real), diff)
	}
	r.end()
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// places are those of a tree, without who comes and goes and without the host
// program's.
func places(all []supervision.ActorInfo) []string {
	var places []string
	for _, a := range all {
		place := a.Path
		if elements := strings.Split(place, "/"); elements[1] == "contexts" && len(elements) > 2 {
			elements[2] = "*"
			place = strings.Join(elements, "/")
		}
		comes := slices.ContainsFunc([]string{"/network/relays/", "/channels/pairs/", "/channels/handshakes/", "/bootstrap/joins/"},
			func(above string) bool { return strings.HasPrefix(place, above) })
		if comes || strings.HasPrefix(place, "/host") {
			continue
		}
		if a.Supervisor {
			place += " (supervisor)"
		}
		places = append(places, place)
	}
	slices.Sort(places)
	return places
}
