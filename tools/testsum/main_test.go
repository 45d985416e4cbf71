package main

import (
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
		{"nothing ran", "", false, false, "no test ran"},
		{"other words pass through", pass + "go: downloading x", false, true, "go: downloading x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			s := &summary{outputs: map[string][]string{}, out: &out}
			if err := s.read(strings.NewReader(c.input)); err != nil {
				t.Fatal(err)
			}
			if well := s.tell(c.ci); well != c.well || !strings.Contains(out.String(), c.words) {
				t.Errorf("well %v, said:\n%s", well, out.String())
			}
		})
	}
}
