package rendezvoustest_test

import (
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/waymeet/waymeet/rendezvous/rendezvoustest"
)

// deaths makes the test of deaths quick. There are some 1500 steps in the
// story.
var deaths = flag.Int("deaths", 6, "how often every machine of every node dies, at steps spread over its life; 0: at each of them")

// kinds are all kinds of machines that a node has.
var kinds = []string{"handshaker", "inviter", "join", "journal", "manager", "network", "pair", "publisher", "relay", "sync"}

// Whoever dies at whatever step of the story, it ends in the same way.
//
// SPEC 15.3: "Killing any actor at any instant loses no acknowledged fact, no
// stream byte, no budget, no generation".
func TestAnyDeathEndsTheSame(t *testing.T) {
	_, script := read(t, filepath.Join(scenarios, "two_nodes_meet.txt"))
	alive, want := end(t, script, seed, 0)
	stepsOf := map[string][]int{}
	for i, taker := range alive.Takers() {
		stepsOf[taker] = append(stepsOf[taker], i+1)
	}
	for _, kind := range kinds {
		if !slices.ContainsFunc(alive.Takers(), func(taker string) bool { return strings.Fields(taker)[1] == kind }) {
			t.Errorf("no %s takes part in the story", kind)
		}
	}
	for _, taker := range slices.Sorted(maps.Keys(stepsOf)) {
		for _, step := range spread(stepsOf[taker], *deaths) {
			if _, got := end(t, script, seed, step); got != want {
				t.Errorf("%s dies at step %d, and the end is\n%snot\n%s", taker, step, got, want)
			}
		}
	}
}

// spread picks so many of the steps, the first and the last among them.
func spread(steps []int, n int) []int {
	if n < 2 || len(steps) <= n {
		return steps
	}
	var picked []int
	for i := range n {
		picked = append(picked, steps[i*(len(steps)-1)/(n-1)])
	}
	return picked
}

// Jitter and ids, and so who calls first, change nothing about the end.
func TestAnySeedEndsTheSame(t *testing.T) {
	_, script := read(t, filepath.Join(scenarios, "two_nodes_meet.txt"))
	_, want := end(t, script, seed, 0)
	for other := uint64(seed + 1); other < seed+12; other++ {
		if _, got := end(t, script, other, 0); got != want {
			t.Errorf("with seed %d the end is\n%snot\n%s", other, got, want)
		}
	}
}

// end plays the story in a world where somebody dies at that step, gives it
// time to settle, and says how it ends.
func end(t *testing.T, script rendezvoustest.Script, seed uint64, step int) (*rendezvoustest.World, string) {
	t.Helper()
	world := rendezvoustest.New(seed)
	world.KillAt(step)
	cryptotest.SetGlobalRandom(t, seed)
	played, err := script.Play(world)
	if err == nil {
		err = world.Do("advance 2m")
	}
	if err != nil {
		t.Fatalf("seed %d, death at step %d: %v", seed, step, err)
	}
	for _, wrong := range mistakes(played.String()) {
		t.Errorf("seed %d, death at step %d: %s", seed, step, wrong)
	}
	return world, world.State()
}

var (
	saidWord  = regexp.MustCompile(`says "(.*)" to`)
	heardWord = regexp.MustCompile(`hears .* say "(.*)",`)
)

// mistakes lists what no death may lead to: a word that is lost or comes
// twice, an own chain that forks, a journal that stops.
func mistakes(story string) (wrong []string) {
	said, heard := words(saidWord, story), words(heardWord, story)
	if !slices.Equal(said, heard) {
		wrong = append(wrong, fmt.Sprintf("said %q, heard %q", said, heard))
	}
	for _, never := range []string{"signed two facts", "stopped:", "does not open"} {
		if strings.Contains(story, never) {
			wrong = append(wrong, fmt.Sprintf("somebody %s", never))
		}
	}
	return wrong
}

func words(pattern *regexp.Regexp, story string) []string {
	var found []string
	for _, match := range pattern.FindAllStringSubmatch(story, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return found
}
