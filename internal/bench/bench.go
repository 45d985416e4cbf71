//go:build unix

// Package bench compares ways to do the same work in one run, in turns, so that
// a change of the machine's mood meets all of them alike. It is for benchmarks
// that print rows for `make bench`, and imports the standard library alone.
package bench

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Contender is one way to do the work of a row.
type Contender struct {
	Name string
	Turn func() // does the work once
	Tidy func() // puts everything back after a turn, unmeasured; nil: nothing to do

	Wall, CPU []float64 // seconds of each turn measured
}

// Rounds lets the contenders take turns, after one turn each that does not
// count. Each turn begins without the garbage of the one before.
func Rounds(rounds int, contenders ...*Contender) {
	for _, c := range contenders {
		c.turn()
		c.Wall, c.CPU = nil, nil
	}
	for range rounds {
		for _, c := range contenders {
			c.turn()
		}
	}
}

func (c *Contender) turn() {
	runtime.GC()
	began, cpu := time.Now(), cpuTime()
	c.Turn()
	c.CPU = append(c.CPU, (cpuTime() - cpu).Seconds())
	c.Wall = append(c.Wall, time.Since(began).Seconds())
	if c.Tidy != nil {
		c.Tidy()
	}
}

// Cost prints a row of time and CPU time of a, over those of b: less is better.
func Cost(name string, a, b *Contender) {
	Row(name, Median(a.Wall)/Median(b.Wall), Median(a.CPU)/Median(b.CPU))
}

// Row prints a row for `make bench`.
func Row(name string, value, second float64) {
	fmt.Printf("bench: %s %.2f %.2f\n", name, value, second)
}

// Median is the middle of the values, which it leaves in their order.
func Median(values []float64) float64 { return Quantile(values, 0.5) }

// Quantile is the value below which a share q of them lies.
func Quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// cpuTime is what the process has used, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only for a wrong address
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
