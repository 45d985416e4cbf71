package supervision_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/waymeet/waymeet/supervision"
)

// What is told to the counter: a word, or the question how many there were.
type counterMessage interface{ counterMessage() }

type (
	word  string
	count struct{ reply supervision.Reply[int] }
)

func (word) counterMessage()  {}
func (count) counterMessage() {}

// counter counts words. An empty one is too much for it.
type counter struct{ words int }

func (c *counter) Start(*supervision.Context[counterMessage]) error { return nil }
func (c *counter) Stop(*supervision.Context[counterMessage])        {}

func (c *counter) Receive(_ *supervision.Context[counterMessage], message counterMessage) {
	switch m := message.(type) {
	case word:
		if m == "" {
			panic("an empty word")
		}
		c.words++
	case count:
		m.reply.Send(c.words)
	}
}

func Example() {
	tree, err := supervision.Start(supervision.Config{}, supervision.SupervisorSpec{
		Children: []supervision.Child{supervision.WorkerSpec[counterMessage]{
			Name: "counter",
			New:  func() supervision.Actor[counterMessage] { return &counter{} },
		}.Child()},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	ref := supervision.Lookup[counterMessage](tree, "/counter") // good over restarts
	for _, w := range []word{"one", "two", "", "three"} {
		if err := ref.Tell(w); err != nil {
			log.Print(err)
		}
	}
	words, err := supervision.Ask(ctx, ref, func(r supervision.Reply[int]) counterMessage { return count{r} })
	fmt.Println(words, err)
	fmt.Println(tree.Report().Totals.Crashes, "crash")
	fmt.Println(tree.Stop(ctx))
	// Output:
	// 1 <nil>
	// 1 crash
	// <nil>
}
