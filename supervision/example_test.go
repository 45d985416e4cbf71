package supervision_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/virtual"
)

// noon is when the examples in virtual time begin.
var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// launch runs a tree in virtual time until nothing is left to do now.
func launch(events func(supervision.Event), root supervision.SupervisorSpec) (*supervision.Tree, *virtual.Runtime) {
	clock := virtual.New(1, noon)
	tree, err := supervision.Launch(supervision.Config{Runtime: clock, Events: events}, root)
	if err != nil {
		log.Panic(err)
	}
	clock.Settle()
	return tree, clock
}

// An eggTimer is a machine: what is decided, and nothing else.
type eggTimer struct{ rings time.Time }

// timerMessage is its inbox.
type timerMessage interface{ timerMessage() }

type (
	wind struct{ minutes int }
	tick struct{}
)

func (wind) timerMessage() {}
func (tick) timerMessage() {}

// timerEffect is what it wants done.
type timerEffect string

func (e *eggTimer) Step(now time.Time, message timerMessage) []timerEffect {
	if m, ok := message.(wind); ok {
		e.rings = now.Add(time.Duration(m.minutes) * time.Minute)
		return []timerEffect{"tick, tick"}
	}
	if e.rings.IsZero() || now.Before(e.rings) {
		return nil
	}
	e.rings = time.Time{}
	return []timerEffect{"ring"}
}

func (e *eggTimer) Deadline() time.Time { return e.rings }

// A Host makes an actor of a machine. Here it runs in virtual time.
func ExampleHost() {
	host := supervision.Host[timerMessage, timerEffect]{
		New: func(*supervision.Context[timerMessage]) (supervision.Machine[timerMessage, timerEffect], error) {
			return &eggTimer{}, nil // a machine that must remember reads it back here
		},
		Perform: func(c *supervision.Context[timerMessage], effect timerEffect) {
			fmt.Println(c.Now().Format("15:04"), c.Path(), effect)
		},
		Tick: tick{},
	}
	spec := supervision.WorkerSpec[timerMessage]{Name: "timer", New: host.Actor}
	tree, clock := launch(nil, supervision.SupervisorSpec{Children: []supervision.Child{spec.Child()}})

	supervision.Lookup[timerMessage](tree, "/timer").Tell(wind{minutes: 3})
	clock.RunFor(time.Hour)
	// Output:
	// 12:00 /timer tick, tick
	// 12:03 /timer ring
}

// A question is a message with a Reply in it. It is what a clerk hears.
type question struct {
	text  string
	reply supervision.Reply[string]
}

// clerk is an actor without a machine.
type clerk struct{ served int }

func (c *clerk) Start(*supervision.Context[question]) error { return nil }
func (c *clerk) Stop(*supervision.Context[question])        {}

func (c *clerk) Receive(_ *supervision.Context[question], q question) {
	if q.text == "" {
		panic("an empty question")
	}
	c.served++
	q.reply.Send(fmt.Sprintf("customer %d: %s? later", c.served, q.text))
}

// Ask waits for the answer, and hears at once when the actor dies of the
// question. Its next life begins anew.
func ExampleAsk() {
	spec := supervision.WorkerSpec[question]{Name: "clerk", New: func() supervision.Actor[question] { return &clerk{} }}
	tree, err := supervision.Start(supervision.Config{}, supervision.SupervisorSpec{Children: []supervision.Child{spec.Child()}})
	if err != nil {
		log.Panic(err)
	}
	desk := supervision.Lookup[question](tree, "/clerk")
	for _, text := range []string{"stamps", "forms", "", "stamps"} {
		answer, err := supervision.Ask(context.Background(), desk, func(r supervision.Reply[string]) question {
			return question{text, r}
		})
		fmt.Println(answer, err)
	}
	fmt.Println(tree.Stop(context.Background()))
	// Output:
	// customer 1: stamps? later <nil>
	// customer 2: forms? later <nil>
	//  supervision: no answer from /clerk: /clerk crashed: an empty question
	// customer 1: stamps? later <nil>
	// <nil>
}

// clerks are children of these names, of the given kind.
func clerks(kind supervision.Restart, names ...string) []supervision.Child {
	var children []supervision.Child
	for _, name := range names {
		children = append(children, supervision.WorkerSpec[question]{
			Name: name, Restart: kind, New: func() supervision.Actor[question] { return &clerk{} },
		}.Child())
	}
	return children
}

// The strategy says who is started again with a child that crashed.
func ExampleStrategy() {
	for _, strategy := range []supervision.Strategy{supervision.OneForOne, supervision.RestForOne, supervision.AllForOne} {
		var restarted []string
		tree, clock := launch(func(e supervision.Event) {
			if e, ok := e.(supervision.Started); ok && e.Restarts > 0 {
				restarted = append(restarted, e.Path)
			}
		}, supervision.SupervisorSpec{Strategy: strategy, Children: clerks(supervision.Permanent, "a", "b", "c")})
		tree.Kill("/b")
		clock.Settle()
		fmt.Println(restarted)
	}
	// Output:
	// [/b]
	// [/b /c]
	// [/a /b /c]
}

// A child that crashes more often than the intensity allows ends its supervisor,
// and so on up to the root. The chain of reasons says what came of what.
func ExampleTree_Err() {
	tree, clock := launch(nil, supervision.SupervisorSpec{
		Intensity: supervision.Intensity{Restarts: 1, Within: time.Minute},
		Children:  clerks(supervision.Permanent, "clerk"),
	})
	for range 2 {
		tree.Kill("/clerk")
		clock.Settle()
	}
	fmt.Println(tree.Err())
	var exit *supervision.Exit
	for err := tree.Err(); errors.As(err, &exit); err = exit.Cause {
		fmt.Println(exit.Path, exit.Reason)
	}
	// Output:
	// / gave up (more than 1 restarts in 1m0s): /clerk crashed: killed
	// / gave up
	// /clerk crashed
}

// A reading is what a display hears: only the latest of each room matters.
type reading struct {
	room    string
	degrees int
}

type display struct{}

func (display) Start(*supervision.Context[reading]) error { return nil }
func (display) Stop(*supervision.Context[reading])        {}
func (display) Receive(_ *supervision.Context[reading], r reading) {
	fmt.Println(r.room, r.degrees)
}

// Messages that are only good until a later one comes do not fill a mailbox.
func ExampleSort() {
	spec := supervision.WorkerSpec[reading]{
		Name: "display", Mailbox: 2,
		New:  func() supervision.Actor[reading] { return display{} },
		Sort: func(r reading) supervision.Sort { return supervision.Sort{Class: supervision.LatestWins, Key: r.room} },
	}
	tree, clock := launch(nil, supervision.SupervisorSpec{Children: []supervision.Child{spec.Child()}})
	ref := supervision.Lookup[reading](tree, "/display")
	for degrees := range 20 {
		ref.Tell(reading{"kitchen", degrees})
	}
	ref.Tell(reading{"cellar", 11})
	fmt.Println("attic:", ref.Tell(reading{"attic", 30}))
	clock.Settle()
	// Output:
	// attic: supervision: mailbox is full
	// kitchen 19
	// cellar 11
}

// guard hears of every end of a life of the actor that it watches.
type guard struct{ watches string }

func (g guard) Start(c *supervision.Context[supervision.Down]) error {
	c.Monitor(g.watches, func(d supervision.Down) supervision.Down { return d })
	return nil
}
func (g guard) Stop(*supervision.Context[supervision.Down]) {}
func (g guard) Receive(_ *supervision.Context[supervision.Down], d supervision.Down) {
	fmt.Printf("%v; comes back: %v\n", d.Reason, d.Restarting)
}

// A monitor tells why a life ended, and whether another follows.
func ExampleContext_Monitor() {
	watch := func(path, name string) supervision.Child {
		return supervision.WorkerSpec[supervision.Down]{
			Name: name, New: func() supervision.Actor[supervision.Down] { return guard{path} },
		}.Child()
	}
	tree, clock := launch(nil, supervision.SupervisorSpec{Children: append(
		append(clerks(supervision.Permanent, "clerk"), clerks(supervision.Temporary, "guest")...),
		watch("/clerk", "guard"), watch("/guest", "usher"),
	)})
	tree.Kill("/clerk")
	clock.Settle()
	tree.Kill("/guest")
	clock.Settle()
	// Output:
	// /clerk crashed: killed; comes back: true
	// /guest crashed: killed; comes back: false
}

// A Report has all that metrics need.
func ExampleTree_Report() {
	tree, clock := launch(nil, supervision.SupervisorSpec{Children: clerks(supervision.Permanent, "a", "b")})
	tree.Kill("/b")
	clock.Settle()
	report := tree.Report()
	fmt.Println("lives", report.Totals.Lives, "crashes", report.Totals.Crashes)
	for _, actor := range report.Actors {
		fmt.Println(actor.Path, actor.State, "restarts", actor.Restarts, "waiting", actor.Mailbox)
	}
	// Output:
	// lives 4 crashes 1
	// / up restarts 0 waiting 0
	// /a up restarts 0 waiting 0
	// /b up restarts 1 waiting 0
}
