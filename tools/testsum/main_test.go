package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	const pass = `{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}` + "\n"
	for _, c := range []struct {
		name, input string
		ci, well    bool
		words       string
	}{
		{"passed", pass + `{"Action":"pass","Package":"p","Elapsed":0.2}`, true, true, "ok   p\t0.20s\ntests: 1 passed, 0 failed, 0 skipped in 1 packages"},
		{"failed with its output", pass + `{"Action":"output","Package":"p","Test":"TestB","Output":"x_test.go:1: boom\n"}` + "\n" + `{"Action":"fail","Package":"p","Test":"TestB"}`, false, false, "FAIL p TestB\n     x_test.go:1: boom"},
		{"skipped", pass + `{"Action":"skip","Package":"p","Test":"TestB"}`, false, true, "SKIP p TestB"},
		{"skipped in CI", pass + `{"Action":"skip","Package":"p","Test":"TestB"}`, true, false, "1 skipped"},
		{"a package without tests is no skip", pass + `{"Action":"skip","Package":"q"}`, true, true, "0 skipped"},
		{"does not build", pass + `{"ImportPath":"q","Action":"build-output","Output":"q.go:1: no\n"}` + "\n" + `{"Action":"fail","Package":"q"}`, false, false, "q.go:1: no"},
		{"a race is told whichever test it is booked to", output("TestA", "==================") + output("TestA", "WARNING: DATA RACE") + output("TestC", "Write at 0x1 by goroutine 7:") + output("", "==================") + pass + `{"Action":"fail","Package":"p","Test":"TestB"}`, false, false, "RACE p\n     WARNING: DATA RACE\n     Write at 0x1 by goroutine 7:\n     ==================\nFAIL p TestB"},
		{"a race cut short is told", output("TestA", "WARNING: DATA RACE") + output("TestA", "Write at 0x1") + pass + `{"Action":"fail","Package":"p"}`, false, false, "RACE p\n     WARNING: DATA RACE\n     Write at 0x1\nFAIL p"},
		{"nothing ran", "", false, false, "no test ran"},
		{"other words pass through", pass + "go: downloading x", false, true, "go: downloading x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			s := newSummary(&out)
			if err := s.read(strings.NewReader(c.input)); err != nil {
				t.Fatal(err)
			}
			if well := s.tell(c.ci); well != c.well || !strings.Contains(out.String(), c.words) {
				t.Errorf("well %v, said:\n%s", well, out.String())
			}
		})
	}
}

// output is a line that a test of package p wrote.
func output(test, line string) string {
	return fmt.Sprintf(`{"Action":"output","Package":"p","Test":%q,"Output":%q}`+"\n", test, line+"\n")
}
