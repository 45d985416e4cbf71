package waymeet_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Comments and documents cite each other in these forms, and in no other:
//
//	SPEC 13                              a chapter of docs/spec.md
//	SPEC 3.5                             a rule of it
//	SPEC 3.5: "Durable before …"         and what it says
//	docs/wire.md: "Ports"                a heading of a document
//	docs/wire.md: "Ports": "UDP 7342"    and what stands below it
//	DESIGN.md 8                          a heading by its number
//	[text](wire.md#ports)                a link of a document
//
// "…" in a quotation stands for what is left out; quotation marks, spaces, line
// ends and a closing period do not count.
var (
	citedRules    = regexp.MustCompile(`SPEC (\d+\.\d+(?:(?:, | and |–)\d+\.\d+)*)(?:[:,] "([^"]*)")?`)
	citedChapter  = regexp.MustCompile(`SPEC (\d+)\b`)
	citedHeading  = regexp.MustCompile(`((?:docs/)?\w+\.md): "([^"]+)"(?:: "([^"]+)")?`)
	citedNumber   = regexp.MustCompile(`((?:docs/)?\w+\.md) (\d+)\b`)
	citedLink     = regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]+)\)`)
	citedDocument = regexp.MustCompile(`\b(?:docs/\w+|DESIGN|README|CHANGELOG)\.md\b`)
	vagueCitation = regexp.MustCompile(`\bDESIGN(?:[^.\w]|$)`)
	ruleNumber    = regexp.MustCompile(`\d+\.\d+`)
)

func TestHouseCitationsLeadSomewhere(t *testing.T) {
	documents := readDocuments(t)
	eachText(t, func(name, text string) {
		for _, complaint := range documents.badCitations(name, text) {
			t.Errorf("%s: %s", name, complaint)
		}
	})
}

// A rule that cannot fail protects nothing.
func TestCitationRulesCatchWhatLeadsNowhere(t *testing.T) {
	documents := documents{
		"docs/spec.md": parseDocument("## 1 Ids\n1.1 An `id` proves\n    the key. It MUST.\n1.2 Another.\n"),
		"DESIGN.md":    parseDocument("# How\n## 8 Formats and numbers\nIn [wire](docs/wire.md#relay-control).\n"),
		"docs/wire.md": parseDocument("## Relay control\nNothing flows\nto the dialler.\n## Ports\nUDP 7342\n"),
	}
	for _, c := range []struct {
		file, text string
		// words of the one complaint; empty when the text is fine
		words string
	}{
		{"a.go", `(SPEC 1.1, 1.2 and 1.1)`, ""},
		{"a.go", `SPEC 1.3`, "SPEC has no rule 1.3"},
		{"a.go", `SPEC 1.1, 2.7`, "SPEC has no rule 2.7"},
		{"a.go", `(SPEC 1)`, ""},
		{"a.go", `SPEC 16`, "SPEC has no chapter 16"},
		{"a.go", `SPEC 1.2, "an id"`, "does not stand in SPEC 1.2"},
		{"a.go", `SPEC 1.1: "an 'id' proves the key. … MUST"`, ""},
		{"a.go", `SPEC 1.2: "An id proves"`, "does not stand in SPEC 1.2"},
		{"a.go", `SPEC 1.1: "MUST … proves"`, "does not stand in SPEC 1.1"},
		{"a.go", `docs/wire.md: "Ports"`, ""},
		{"a.go", `docs/wire.md: "Port"`, `has no heading "Port"`},
		{"a.go", `docs/wire.md: "Relay control": "nothing flows to the dialler"`, ""},
		{"a.go", `docs/wire.md: "Ports": "Nothing flows"`, "does not stand below"},
		{"a.go", `DESIGN.md: "Formats and numbers"`, ""},
		{"a.go", `DESIGN.md 8`, ""},
		{"a.go", `DESIGN.md 9`, "has no heading 9"},
		{"a.go", `DESIGN 8`, "which file"},
		{"a.go", `(DESIGN, relay control)`, "which file"},
		{"a.go", `as docs/wires.md says`, "there is no docs/wires.md"},
		{"docs/wire.md", `[8](../DESIGN.md#8-formats-and-numbers), [x](#ports), [y](https://go.dev)`, ""},
		{"docs/wire.md", `[8](../DESIGN.md#formats)`, `no heading "#formats"`},
		{"docs/wire.md", `[that](spam.md)`, "leads nowhere"},
		{"docs/wire.md", `[1.1](spec.md)`, ""},
		{"docs/wire.md", `[1.9](spec.md)`, "SPEC has no rule 1.9"},
	} {
		got := documents.badCitations(c.file, c.text)
		switch {
		case c.words == "" && len(got) > 0:
			t.Errorf("%s: it is fine, but: %v", c.text, got)
		case c.words != "" && (len(got) != 1 || !strings.Contains(got[0], c.words)):
			t.Errorf("%s: got %q, want one complaint with %q", c.text, got, c.words)
		}
	}
}

// documents are all documents, by their names from the root.
type documents map[string]document

// document is what can be cited of one: what stands below each heading and in
// each rule, and the anchors that links lead to.
type document struct {
	sections map[string]string
	numbers  map[string]bool
	anchors  map[string]bool
	rules    map[string]string
}

func readDocuments(t *testing.T) documents {
	t.Helper()
	all := documents{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.ToSlash(name)] = parseDocument(string(text))
		}
	}
	return all
}

func parseDocument(text string) document {
	d := document{map[string]string{}, map[string]bool{}, map[string]bool{}, map[string]string{}}
	heading, rule, code := "", "", false
	for line := range strings.Lines(text) {
		title := strings.TrimLeft(line, "#")
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if len(title) < len(line) && strings.HasPrefix(title, " ") && !code {
			heading = strings.TrimSpace(title)
			d.anchors[anchor(heading)] = true
			if number, rest, _ := strings.Cut(heading, " "); isNumber(number) {
				d.numbers[number], heading = true, rest
			}
			d.sections[heading] += "\n"
			rule = ""
			continue
		}
		if number, _, _ := strings.Cut(line, " "); ruleNumber.FindString(number) == number && number != "" {
			rule = number
		}
		d.sections[heading] += line
		if rule != "" {
			d.rules[rule] += line
		}
	}
	return d
}

// badCitations lists what a text cites that is not there.
func (all documents) badCitations(name, text string) []string {
	complaints := append(all["docs/spec.md"].badRules(text), all.badPlaces(text)...)
	if vague := vagueCitation.FindString(text); vague != "" && strings.HasSuffix(name, ".go") {
		complaints = append(complaints, fmt.Sprintf("%q cites no place: which file, under which heading?", vague))
	}
	if strings.HasSuffix(name, ".md") {
		complaints = append(complaints, all.badLinks(name, text)...)
	}
	return complaints
}

// badRules lists the rules of the specification that a text cites wrongly.
func (spec document) badRules(text string) (complaints []string) {
	for _, cited := range citedChapter.FindAllStringSubmatch(text, -1) {
		if !spec.numbers[cited[1]] {
			complaints = append(complaints, "SPEC has no chapter "+cited[1])
		}
	}
	for _, cited := range citedRules.FindAllStringSubmatch(text, -1) {
		numbers := ruleNumber.FindAllString(cited[1], -1)
		for _, number := range numbers {
			if spec.rules[number] == "" {
				complaints = append(complaints, "SPEC has no rule "+number)
			}
		}
		if last := numbers[len(numbers)-1]; !holds(spec.rules[last], cited[2]) {
			complaints = append(complaints, fmt.Sprintf("%q does not stand in SPEC %s", cited[2], last))
		}
	}
	return complaints
}

// badPlaces lists the documents and headings that a text cites wrongly.
func (all documents) badPlaces(text string) (complaints []string) {
	for _, cited := range citedHeading.FindAllStringSubmatch(text, -1) {
		section, there := all[cited[1]].sections[cited[2]]
		switch {
		case !there:
			complaints = append(complaints, fmt.Sprintf("%s has no heading %q", cited[1], cited[2]))
		case !holds(section, cited[3]):
			complaints = append(complaints, fmt.Sprintf("%q does not stand below %q of %s", cited[3], cited[2], cited[1]))
		}
	}
	for _, cited := range citedNumber.FindAllStringSubmatch(text, -1) {
		if !all[cited[1]].numbers[cited[2]] {
			complaints = append(complaints, fmt.Sprintf("%s has no heading %s", cited[1], cited[2]))
		}
	}
	for _, cited := range citedDocument.FindAllString(text, -1) {
		if _, there := all[cited]; !there {
			complaints = append(complaints, "there is no "+cited)
		}
	}
	return complaints
}

// badLinks lists the links of a document that lead nowhere.
func (all documents) badLinks(name, text string) (complaints []string) {
	for _, link := range citedLink.FindAllStringSubmatch(text, -1) {
		target, place, _ := strings.Cut(link[2], "#")
		if strings.Contains(target, "://") {
			continue
		}
		if target = path.Join(path.Dir(name), target); link[2][0] == '#' {
			target = name
		}
		document, known := all[target]
		_, err := os.Stat(filepath.FromSlash(target))
		switch {
		case !known && err != nil:
			complaints = append(complaints, fmt.Sprintf("the link to %s leads nowhere", link[2]))
		case place != "" && !document.anchors[place]:
			complaints = append(complaints, fmt.Sprintf("%s has no heading %q", target, "#"+place))
		case path.Base(target) == "spec.md" && ruleNumber.FindString(link[1]) == link[1]:
			if document.rules[link[1]] == "" {
				complaints = append(complaints, "SPEC has no rule "+link[1])
			}
		}
	}
	return complaints
}

// holds reports whether the parts of a quotation stand in the text, one behind
// the other.
func holds(text, quotation string) bool {
	text = plain(text)
	for part := range strings.SplitSeq(strings.TrimSuffix(plain(quotation), "."), "…") {
		_, rest, found := strings.Cut(text, strings.TrimSpace(part))
		if !found {
			return false
		}
		text = rest
	}
	return true
}

// plain is what counts of a text in a quotation.
func plain(text string) string {
	text = strings.NewReplacer("`", "", "'", "", `"`, "", "*", "").Replace(text)
	return strings.ToLower(strings.Join(strings.Fields(text), " "))
}

// anchor is what a link to a heading is written with.
func anchor(heading string) string {
	keep := func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
			return r
		}
		return -1
	}
	return strings.Map(keep, strings.ToLower(heading))
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// eachText gives the comments of every Go file, tests too, one group after the
// other, and every document.
func eachText(t *testing.T, visit func(name, text string)) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(name, entry.Name())
		}
		switch filepath.Ext(name) {
		case ".md":
			text, err := os.ReadFile(name)
			visit(filepath.ToSlash(name), strings.Join(strings.Fields(string(text)), " "))
			seen++
			return err
		case ".go":
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			for _, group := range file.Comments {
				visit(filepath.ToSlash(name), strings.Join(strings.Fields(group.Text()), " "))
			}
			seen++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 40 {
		t.Fatalf("only %d files were found: the walk does not see the tree", seen)
	}
}
