package virtual_test

import (
	"fmt"
	"log"
	"time"

	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/chaos"
	"github.com/waymeet/waymeet/supervision/virtual"
)

// diver says when it was told what.
type diver struct{}

func (diver) Start(*supervision.Context[string]) error { return nil }
func (diver) Stop(*supervision.Context[string])        {}

func (diver) Receive(c *supervision.Context[string], message string) {
	fmt.Println(c.Now().Format("15:04"), message)
}

func Example() {
	plan, err := chaos.Parse("kill /diver phase before-message nth 2")
	if err != nil {
		log.Fatal(err)
	}
	injector := &chaos.Injector{}
	if err := injector.Follow(plan); err != nil {
		log.Fatal(err)
	}
	clock := virtual.New(1, time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC))
	tree, err := supervision.Launch(supervision.Config{Runtime: clock, Chaos: injector}, supervision.SupervisorSpec{
		Children: []supervision.Child{supervision.WorkerSpec[string]{
			Name: "diver",
			New:  func() supervision.Actor[string] { return diver{} },
		}.Child()},
	})
	if err != nil {
		log.Fatal(err)
	}
	clock.Settle() // until all are up

	ref := supervision.Lookup[string](tree, "/diver")
	for _, message := range []string{"down", "deeper", "up"} {
		if err := ref.Tell(message); err != nil {
			log.Print(err)
		}
		clock.RunFor(time.Hour)
	}
	fmt.Print(injector.Kills())
	tree.Shutdown()
	clock.Settle()
	<-tree.Done()
	fmt.Println(tree.Err())
	// Output:
	// 12:00 down
	// 14:00 up
	// kill /diver phase before-message message string step 5
	// <nil>
}
