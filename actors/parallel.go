package actors

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls do for 0 … n−1 on all cores and returns when all are done: no
// goroutine of it outlives the call. A panic of do is one of the caller.
func parallel(n int, do func(at int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers <= 1 {
		for at := range n {
			do(at)
		}
		return
	}
	var next atomic.Int64
	var panicked atomic.Pointer[any]
	work := func() {
		defer func() {
			if r := recover(); r != nil {
				panicked.Store(&r)
				next.Store(int64(n))
			}
		}()
		for at := next.Add(1) - 1; at < int64(n); at = next.Add(1) - 1 {
			do(int(at))
		}
	}
	var others sync.WaitGroup
	for range workers - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	if r := panicked.Load(); r != nil {
		panic(*r)
	}
}
