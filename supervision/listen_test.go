package supervision

import (
	"testing"
	"testing/synctest"
)

// Every listener hears every event, until it is cancelled.
func TestListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, first, second := &diary{}, &events{}, &events{}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: d.plays("a")})
		cancel := tree.Listen(first.add)
		defer tree.Listen(second.add)()
		tell(t, tree, "/a", "boom")
		d.expect(t, "crash", "+a, +a")
		cancel()
		tell(t, tree, "/a", "1")
		tree.Kill("/a")
		synctest.Wait()
		if n, m := len(of[Crashed](first)), len(of[Crashed](second)); n != 1 || m != 2 {
			t.Errorf("heard %d and %d crashes", n, m)
		}
		mustStop(t, tree)
	})
}
