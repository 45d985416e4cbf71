package supervision

import (
	"context"
	"log/slog"
	"runtime"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// The cost of telling one message and having it handled, beside protoactor as
// it comes.
func BenchmarkTell(b *testing.B) {
	b.Run("supervision", func(b *testing.B) {
		spec := WorkerSpec[int]{Name: "sum", Mailbox: 1 << 40, New: func() Actor[int] { return &counter{} }}
		tree, err := Start(Config{}, SupervisorSpec{Children: []Child{spec.Child()}})
		if err != nil {
			b.Fatal(err)
		}
		ref := Lookup[int](tree, "/sum")
		b.ReportAllocs()
		for b.Loop() {
			if err := ref.Tell(1); err != nil {
				b.Fatal(err)
			}
		}
		for info(tree, "/sum").Mailbox > 0 {
			runtime.Gosched()
		}
		b.StopTimer()
		if err := tree.Stop(context.Background()); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("protoactor", func(b *testing.B) {
		system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
		n := 0
		pid := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			if _, ok := c.Message().(int); ok {
				n++
			}
		}))
		b.ReportAllocs()
		for b.Loop() {
			system.Root.Send(pid, 1)
		}
		_ = system.Root.PoisonFuture(pid).Wait()
	})
}
