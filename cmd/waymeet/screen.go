package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// screen shows pages one after the other: in place on a terminal, else below
// each other.
type screen struct {
	out io.Writer
	// terminal is its file descriptor, or -1.
	terminal int
}

func screenOf(out output) screen {
	if file, ok := out.to.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return screen{out, int(file.Fd())}
	}
	return screen{out, -1}
}

// ECMA-48: cursor to the first place, and erase from the cursor to the end of
// the line or of the page.
const (
	toTop     = "\x1b[H"
	eraseLine = "\x1b[K"
	erasePage = "\x1b[J"
)

func (s screen) show(page []byte) error {
	if s.terminal < 0 {
		_, err := s.out.Write(append(page, '\n'))
		return err
	}
	lines := strings.Split(strings.TrimRight(string(page), "\n"), "\n")
	if width, height, err := term.GetSize(s.terminal); err == nil {
		lines = fit(lines, width, height)
	}
	last := len(lines) - 1 // erased with all below it, and before it is written: the cursor stays on a full line
	_, err := io.WriteString(s.out, toTop+eraseLine+strings.Join(lines[:last], "\n"+eraseLine)+"\n"+erasePage+lines[last])
	return err
}

// leave goes on below the last page.
func (s screen) leave() {
	if s.terminal >= 0 {
		fmt.Fprintln(s.out)
	}
}

// fit cuts what the terminal has no room for: a line that wrapped would shift
// all below it.
func fit(lines []string, width, height int) []string {
	if over := len(lines) - height; over > 0 && height > 1 {
		lines = append(lines[:height-1:height-1], fmt.Sprintf("… %d more", over+1))
	}
	for i, line := range lines {
		if runes := []rune(line); width > 0 && len(runes) > width {
			lines[i] = string(runes[:width])
		}
	}
	return lines
}
