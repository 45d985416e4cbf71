// Command testsum reads the output of `go test -json` and tells it to people:
// a line for each package, the whole output of each test that failed, and the
// names of the tests that were skipped. Its last line counts them all.
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
	out         io.Writer
}

func main() {
	s := &summary{outputs: map[string][]string{}, out: os.Stdout}
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

// endPackage tells of the package; go test calls one without tests skipped.
func (s *summary) endPackage(e event) {
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
	for _, text := range s.outputs[e.Package+" "+e.Test] {
		fmt.Fprint(s.out, "     ", strings.TrimRight(text, "\n"), "\n")
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
