package supervision

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a", "/a", true}, {"/a", "/ab", false}, {"*", "/a/b", true}, {"/*/c", "/a/b/c", true},
		{"/a/*", "/a", false}, {"/a*", "/a", true}, {"/?/b", "/a/b", true}, {"/?", "/a/", false},
		{"*b*d", "/abcd", true}, {"*b*d", "/abcde", false}, {"", "/a", false}, {"", "", true}, {"[a]", "/a", false},
	} {
		if got := Match(test.pattern, test.path); got != test.want {
			t.Errorf("Match(%q, %q) = %v", test.pattern, test.path, got)
		}
	}
}

func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{Children: d.plays("a ab c")})
		d.take()
		if n := tree.Kill("/a*"); n != 2 {
			t.Errorf("%d killed", n)
		}
		if got := d.take(); got != "+a, +ab" && got != "+ab, +a" {
			t.Errorf("idle actors die at once: %q", got)
		}
		for _, c := range of[Crashed](ev) {
			if !c.Crash.Killed || c.Crash.Phase != Idle {
				t.Errorf("crash %+v", c.Crash)
			}
		}
		if n := tree.Kill("/"); n != 0 || tree.Kill("/nobody") != 0 {
			t.Errorf("killed %d roots", n)
		}
		mustStop(t, tree)
	})
}

// A kill of one life spares the next one, and the root.
func TestKillLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: d.plays("a")})
		d.take()
		infos := tree.Inspect()
		root, first := infos[0].Incarnation, infos[1].Incarnation
		if !tree.KillLife("/a", first) {
			t.Error("its life was spared")
		}
		d.expect(t, "killed", "+a")
		if tree.KillLife("/a", first) || tree.KillLife("/a", 0) || tree.KillLife("/b", first) || tree.KillLife("/", root) {
			t.Error("who is not in that life was killed")
		}
		d.expect(t, "spared", "")
		mustStop(t, tree)
	})
}

// A kill comes before the next message, and loses none.
func TestKillBeforeNextMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		gate := make(chan struct{})
		spec := WorkerSpec[script]{Name: "a", New: func() Actor[script] { return &player{name: "a", diary: d, gate: gate} }}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{spec.Child()}})
		tell(t, tree, "/a", "block", "2")
		synctest.Wait()
		tree.Kill("/a")
		close(gate)
		d.expect(t, "order", "+a, a:block, +a, a:2")
		mustStop(t, tree)
	})
}

// hunter kills at the point with number seq of one path, once, and notes all
// points it is asked about.
type hunter struct {
	mu    sync.Mutex
	path  string
	seq   uint64
	asked []Point
}

func (h *hunter) kill(p Point) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.Path != h.path {
		return false
	}
	h.asked = append(h.asked, p)
	return p.Seq == h.seq
}

func (h *hunter) phases() string {
	var out []string
	for _, p := range h.asked {
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%v %s", p.Phase, p.Message), " "))
	}
	return strings.Join(out, ", ")
}

// The points of a hosted machine, in the order in which they are passed.
func TestPoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, stored, bad := &diary{}, 0, lampEffect("")
		h := &hunter{path: "/lamp"}
		spec := WorkerSpec[lampEvent]{Name: "lamp", New: lampHost(d, &stored, &bad).Actor}
		tree := mustStart(t, Config{Chaos: KillAt(h.kill)}, SupervisorSpec{Children: []Child{spec.Child()}})
		Lookup[lampEvent](tree, "/lamp").Tell("on")
		synctest.Wait()
		mustStop(t, tree)
		const event, effect = "supervision.lampEvent", "supervision.lampEffect"
		want := strings.Join([]string{
			"starting", "before effect " + effect, "after effect " + effect, "acknowledging",
			"before message " + event,
			"before effect " + effect, "after effect " + effect, "before effect " + effect, "after effect " + effect,
			"after message " + event,
			"stopping", "before effect " + effect, "after effect " + effect,
		}, ", ")
		if got := h.phases(); got != want {
			t.Errorf("points\n got %s\nwant %s", got, want)
		}
		for i, p := range h.asked {
			if p.Seq != uint64(i+1) {
				t.Errorf("point %d has number %d", i, p.Seq)
			}
		}
	})
}

// Killed at any point, the actor serves again, every message but the one at
// hand is handled, in order, and the tree stops.
func TestKillAtEveryPoint(t *testing.T) {
	for seq := uint64(1); seq <= 12; seq++ {
		synctest.Test(t, func(t *testing.T) {
			d, ev := &diary{}, &events{}
			h := &hunter{path: "/a", seq: seq}
			d2 := d.play("a")
			tree, err := Start(Config{Chaos: KillAt(h.kill), Events: ev.add}, SupervisorSpec{Children: []Child{d.play("z").Child(), d2.Child()}})
			if seq <= 2 { // before the acknowledgement: rollback
				if err == nil || !strings.Contains(err.Error(), "/a could not start: killed") {
					t.Errorf("seq %d: %v", seq, err)
				}
				if got := d.take(); got != []string{"+z, -z", "+z, +a, -z"}[seq-1] {
					t.Errorf("seq %d: %q", seq, got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tell(t, tree, "/a", "1", "2", "3", "4")
			rest(time.Second)
			got := d.take()
			for i, m := range []string{"a:1", "a:2", "a:3", "a:4"} {
				before := seq == uint64(3+2*i)
				if strings.Contains(got, m) == before {
					t.Errorf("seq %d: %q", seq, got)
				}
			}
			mustStop(t, tree)
			if crashes := of[Crashed](ev); seq <= 11 && (len(crashes) != 1 || !crashes[0].Crash.Killed || crashes[0].Crash.Phase != h.asked[seq-1].Phase) {
				t.Errorf("seq %d: crashes %+v", seq, crashes)
			}
		})
	}
}

// A kill in Stopping does not revive the actor.
func TestKillWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		h := &hunter{path: "/a", seq: 3} // 1 starting, 2 acknowledging
		tree := mustStart(t, Config{Chaos: KillAt(h.kill)}, SupervisorSpec{Children: d.plays("z a")})
		mustStop(t, tree)
		d.expect(t, "stop", "+z, +a, -z")
		if got := h.phases(); got != "starting, acknowledging, stopping" {
			t.Errorf("points %s", got)
		}
	})
}
