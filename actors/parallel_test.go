package actors

import (
	"sync/atomic"
	"testing"
)

func TestParallelDoesEachOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100} {
		done := make([]atomic.Int32, n)
		parallel(n, func(at int) { done[at].Add(1) })
		for at := range done {
			if got := done[at].Load(); got != 1 {
				t.Errorf("%d of %d was done %d times", at, n, got)
			}
		}
	}
}

func TestParallelPanicsInItsCaller(t *testing.T) {
	defer func() {
		if r := recover(); r != "seven" {
			t.Errorf("recovered %v", r)
		}
	}()
	parallel(100, func(at int) {
		if at == 7 {
			panic("seven")
		}
	})
}
