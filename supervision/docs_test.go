package supervision_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The programs in the docs are the examples, which run.
func TestQuotedPrograms(t *testing.T) {
	docs, err := os.ReadFile("../docs/supervision.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"example_tree_test.go", "virtual/example_test.go"} {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		program := regexp.MustCompile(`(?m)^package \w+$`).ReplaceAllString(string(code), "package main")
		program = strings.Replace(program, "func Example()", "func main()", 1)
		if !strings.Contains(string(docs), "```go\n"+program+"```\n") {
			t.Errorf("docs/supervision.md does not quote %s as it is", file)
		}
	}
}
