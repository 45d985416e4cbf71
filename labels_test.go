package waymeet_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A label is used for one thing, so all of them are listed in one place
// (docs/wire.md: "Labels and text forms"), and nothing is listed that is not
// there.
func TestHouseLabelsAreListed(t *testing.T) {
	var listed []string
	for line := range strings.Lines(readDocuments(t)["docs/wire.md"].sections["Labels and text forms"]) {
		if strings.HasPrefix(line, "|") {
			for _, label := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
				listed = append(listed, label[1])
			}
		}
	}
	used := map[string]string{}
	eachFile(t, func(name string, file *ast.File, _ *token.FileSet) {
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				if label, ok := strings.CutPrefix(text, "waymeet/1 "); ok {
					if before, again := used[label]; again {
						t.Errorf("%s and %s both have the label %q", before, name, label)
					}
					used[label] = name
				}
			}
			return true
		})
	})
	for label, name := range used {
		if !slices.Contains(listed, label) {
			t.Errorf("%s has the label %q, which docs/wire.md does not list", name, label)
		}
	}
	for i, label := range listed {
		if used[label] == "" || slices.Contains(listed[:i], label) {
			t.Errorf("docs/wire.md lists the label %q, which is not used, or twice", label)
		}
	}
}
