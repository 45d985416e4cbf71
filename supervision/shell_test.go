package supervision

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// lamp is a machine: "on" lights for a minute, and it must be told a stored
// count of how often that happened.
type lamp struct {
	count int
	until time.Time
}

type lampEvent string // "on", "tick", "hello", "bye"
type lampEffect string

func (l *lamp) Step(now time.Time, event lampEvent) []lampEffect {
	switch event {
	case "on":
		l.count++
		l.until = now.Add(time.Minute)
		return []lampEffect{lampEffect(fmt.Sprintf("store %d", l.count)), "light"}
	case "tick":
		if !now.Before(l.until) {
			l.until = time.Time{}
			return []lampEffect{"dark"}
		}
	case "hello", "bye":
		return []lampEffect{lampEffect(event)}
	}
	return nil
}

func (l *lamp) Deadline() time.Time { return l.until }

// lampHost hosts lamps on a stored count, and panics at the effect named bad.
func lampHost(d *diary, stored *int, bad *lampEffect) Host[lampEvent, lampEffect] {
	return Host[lampEvent, lampEffect]{
		New: func(*Context[lampEvent]) (Machine[lampEvent, lampEffect], error) {
			if *stored < 0 {
				return nil, errors.New("no store")
			}
			return &lamp{count: *stored}, nil
		},
		Perform: func(_ *Context[lampEvent], effect lampEffect) {
			if effect == *bad {
				*bad = ""
				panic("bad effect")
			}
			fmt.Sscanf(string(effect), "store %d", stored)
			d.add("%s", effect)
		},
		Tick:  "tick",
		First: []lampEvent{"hello"},
		Last:  func() []lampEvent { return []lampEvent{"bye"} },
	}
}

func TestHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, stored, bad := &diary{}, 0, lampEffect("")
		spec := WorkerSpec[lampEvent]{Name: "lamp", New: lampHost(d, &stored, &bad).Actor}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{spec.Child()}})
		d.expect(t, "start", "hello")
		ref := Lookup[lampEvent](tree, "/lamp")
		ref.Tell("on")
		d.expect(t, "effects in order", "store 1, light")
		rest(59 * time.Second)
		ref.Tell("on") // moves the deadline
		d.expect(t, "again", "store 2, light")
		rest(59 * time.Second)
		d.expect(t, "the first deadline is void", "")
		rest(time.Second)
		d.expect(t, "deadline", "dark")
		rest(time.Hour)
		d.expect(t, "no further tick", "")
		bad = "light"
		ref.Tell("on")
		d.expect(t, "a crash in an effect: what was stored is folded again", "store 3, hello")
		rest(2 * time.Minute)
		d.expect(t, "the deadline of the dead life does not fire", "")
		ref.Tell("on")
		d.expect(t, "goes on from the stored truth", "store 4, light")
		mustStop(t, tree)
		d.expect(t, "clean stop", "bye")
	})
}

func TestHostStartError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, stored, bad := &diary{}, -1, lampEffect("")
		spec := WorkerSpec[lampEvent]{Name: "lamp", New: lampHost(d, &stored, &bad).Actor}
		_, err := Start(Config{}, SupervisorSpec{Children: []Child{spec.Child()}})
		if err == nil || err.Error() != "supervision: / could not start: /lamp could not start: no store" {
			t.Errorf("error %v", err)
		}
	})
}

// A machine that was abandoned in the middle of its effects performs no more.
func TestHostFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		gate := make(chan struct{})
		host := Host[lampEvent, lampEffect]{
			New: func(*Context[lampEvent]) (Machine[lampEvent, lampEffect], error) { return &lamp{}, nil },
			Perform: func(_ *Context[lampEvent], effect lampEffect) {
				d.add("%s", effect)
				if effect == "store 1" {
					<-gate
				}
			},
		}
		spec := WorkerSpec[lampEvent]{Name: "lamp", New: host.Actor}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{spec.Child()}})
		Lookup[lampEvent](tree, "/lamp").Tell("on")
		synctest.Wait()
		if tree.Stop(context.Background()) == nil {
			t.Error("nobody is stuck")
		}
		close(gate)
		d.expect(t, "effects", "store 1")
	})
}
