package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFit(t *testing.T) {
	lines := []string{"one", "zwölf", "three", "four"}
	for _, c := range []struct {
		width, height int
		want          []string
	}{
		{80, 24, lines},
		{80, 4, lines},
		{4, 24, []string{"one", "zwöl", "thre", "four"}},
		{80, 3, []string{"one", "zwölf", "… 2 more"}},
		{0, 0, lines},
	} {
		if diff := cmp.Diff(c.want, fit(append([]string(nil), lines...), c.width, c.height)); diff != "" {
			t.Errorf("%d × %d: %s", c.width, c.height, diff)
		}
	}
}

// Where there is no terminal, pages follow each other and nothing is erased.
func TestScreenOfAFile(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"a\nb\n", "c\n"} {
		if err := screenOf(output{write}).show([]byte(page)); err != nil {
			t.Fatal(err)
		}
	}
	write.Close()
	if got, err := io.ReadAll(read); string(got) != "a\nb\n\nc\n\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// On a terminal a page takes the place of the one before, whole lines and what
// is below the last one too.
func TestScreenOfATerminal(t *testing.T) {
	var out strings.Builder
	s := screen{&out, 1 << 20} // of a size that nobody can tell
	if err := s.show([]byte("a\nb\nc\n")); err != nil {
		t.Fatal(err)
	}
	s.leave()
	if want := "\x1b[H\x1b[Ka\n\x1b[Kb\n\x1b[Jc\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
