package actorstest_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// shard says which part of a test this process plays, for the one that started
// it.
var shard = flag.String("shard", "", "I/N: this process plays every N-th run, from the I-th on")

// shards is how many processes play: the seed of the system's randomness holds
// for a whole process, so two runs cannot share one.
const shards = 2

// inShards runs a test of this binary in several processes with further
// arguments, and takes their lines, one at a time.
func inShards(t *testing.T, test string, take func(line string), args ...string) {
	t.Helper()
	var wait sync.WaitGroup
	var mu sync.Mutex
	for i := range shards {
		wait.Go(func() {
			all := append([]string{"-test.run=^" + test + "$", "-test.timeout=60m", fmt.Sprintf("-shard=%d/%d", i, shards)}, args...)
			err := eachLine(exec.Command(os.Args[0], all...), func(line string) {
				mu.Lock()
				defer mu.Unlock()
				take(line)
			})
			if err != nil {
				t.Errorf("shard %d: %v", i, err)
			}
		})
	}
	wait.Wait()
}

// eachLine runs a command and hands its lines on as they come.
func eachLine(cmd *exec.Cmd, take func(string)) error {
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		take(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, errs.String())
	}
	return nil
}

// part is which part this process plays; a test that nobody has started for it
// plays none.
func part() (i, n int, ok bool) {
	_, err := fmt.Sscanf(*shard, "%d/%d", &i, &n)
	return i, n, err == nil
}
