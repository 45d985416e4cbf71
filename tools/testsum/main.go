// Command testsum reads the output of `go test -json` and tells it to people:
// a line for each package, the whole output of each test that failed, every
// report of the race detector, and the names of the tests that were skipped. Its
// last line counts them all.
//
// It exits 1 if a test or a package failed, if no test ran, or, where the
// environment says CI=true, if a test was skipped.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is a line of `go test -json` (go doc test2json), or of the build.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64
	Output     string
}

// summary is what a run came to.
type summary struct {
	passed, failed, skipped, packages int
	// badPackages failed as a whole: they do not build, or their process died.
	badPackages int
	outputs     map[string][]string
	// races holds what each package has written of a report that is not whole.
	races map[string][]string
	out   io.Writer
}

func newSummary(out io.Writer) *summary {
	return &summary{outputs: map[string][]string{}, races: map[string][]string{}, out: out}
}

func main() {
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if !s.tell(os.Getenv("CI") == "true") {
		os.Exit(1)
	}
}

func (s *summary) read(from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(s.out, lines.Text())
			continue
		}
		s.take(e)
	}
	return lines.Err()
}

func (s *summary) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		s.outputs[key] = append(s.outputs[key], e.Output)
		s.takeRace(e)
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(e)
		}
		delete(s.outputs, key)
	}
}

// The detector puts a line of 18 equals signs before and after each report.
const (
	raceHead = "WARNING: DATA RACE\n"
	raceTail = "==================\n"
)

// takeRace prints a report of the race detector once it is whole. It does not wait
// for a test to fail: the report is booked to whichever test is running, and that
// one may pass, while another is said to have failed without a word of why.
func (s *summary) takeRace(e event) {
	if s.races[e.Package] == nil && e.Output != raceHead {
		return
	}
	s.races[e.Package] = append(s.races[e.Package], e.Output)
	if e.Output == raceTail {
		s.endRace(e.Package)
	}
}

func (s *summary) endRace(pkg string) {
	fmt.Fprintf(s.out, "RACE %s\n", pkg)
	indent(s.out, s.races[pkg])
	delete(s.races, pkg)
}

func (s *summary) endTest(e event) {
	switch e.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped++
		fmt.Fprintf(s.out, "SKIP %s %s\n", e.Package, e.Test)
		s.print(e)
	case "fail":
		s.failed++
		fmt.Fprintf(s.out, "FAIL %s %s\n", e.Package, e.Test)
		s.print(e)
	}
}

// endPackage tells of the package; go test calls one without tests skipped. A report
// that its process did not finish is told as far as it went.
func (s *summary) endPackage(e event) {
	if s.races[e.Package] != nil {
		s.endRace(e.Package)
	}
	switch e.Action {
	case "pass":
		s.packages++
		fmt.Fprintf(s.out, "ok   %s\t%.2fs\n", e.Package, e.Elapsed)
	case "fail":
		s.packages++
		s.badPackages++
		fmt.Fprintf(s.out, "FAIL %s\t%.2fs\n", e.Package, e.Elapsed)
		s.print(e)
	}
}

func (s *summary) print(e event) {
	indent(s.out, s.outputs[e.Package+" "+e.Test])
}

func indent(out io.Writer, lines []string) {
	for _, text := range lines {
		fmt.Fprint(out, "     ", strings.TrimRight(text, "\n"), "\n")
	}
}

// tell writes the last line and reports whether all is well.
func (s *summary) tell(skipsFail bool) bool {
	fmt.Fprintf(s.out, "tests: %d passed, %d failed, %d skipped in %d packages\n", s.passed, s.failed, s.skipped, s.packages)
	switch {
	case s.failed > 0 || s.badPackages > 0:
		return false
	case s.passed == 0:
		fmt.Fprintln(s.out, "FAIL no test ran")
		return false
	case skipsFail && s.skipped > 0:
		fmt.Fprintln(s.out, "FAIL a skipped test is a failure where CI=true")
		return false
	}
	return true
}
