package crash

import (
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
)

// long is what make crash asks for.
var long = flag.Bool("long", false, "kill, cut and flip at length")

// results of all tests, for the last line.
var results struct {
	// kills counts processes.
	kills atomic.Int64
	// lost and damaged count facts: acknowledged ones that are missing, and
	// ones that are there with other bytes, or in a file that cannot be read.
	lost, damaged atomic.Int64
	// flips counts bits, wrong those that made somebody read what nobody wrote.
	flips, wrong atomic.Int64
}

// TestMain is two programs: the tests, and the writer that they harm.
func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		if err := runWriter(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if *long {
		fmt.Printf("crash: kills=%d lost=%d damaged=%d bitflips=%d wrong=%d\n", results.kills.Load(),
			results.lost.Load(), results.damaged.Load(), results.flips.Load(), results.wrong.Load())
	}
	os.Exit(code)
}

// pick is the first number in the long form, the second one in the short form.
func pick(atLength, short int) int {
	if *long {
		return atLength
	}
	return short
}
