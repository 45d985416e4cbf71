package actors

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// drawnLine is a line of the tree in doc.go.
var drawnLine = regexp.MustCompile(`(?m)^//\t([ │]*)[├└] (\S+) +(\S+)`)

// Every supervisor that doc.go draws has its row in docs/supervision.md, with
// the strategy that is drawn.
func TestEveryStrategyIsExplained(t *testing.T) {
	drawing, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/supervision.md")
	if err != nil {
		t.Fatal(err)
	}
	above, rows := []string{"/"}, 0
	for _, line := range drawnLine.FindAllStringSubmatch(string(drawing), -1) {
		depth := (utf8.RuneCountInString(line[1])-1)/3 + 1
		place, strategy := path.Join(above[depth-1], line[2]), strings.TrimRight(line[3], ":,")
		above = append(above[:depth], place)
		switch strategy {
		case "one_for_one", "rest_for_one", "all_for_one", "dynamic":
			rows++
			if row := fmt.Sprintf("| `%s` | %s | ", place, strategy); !strings.Contains(string(text), "\n"+row) {
				t.Errorf("docs/supervision.md has no row %q", row)
			}
		}
	}
	if written := strings.Count(string(text), "\n| `/"); rows < 10 || written != rows+1 { // and the root
		t.Errorf("%d supervisors are drawn, %d explained", rows+1, written)
	}
}
