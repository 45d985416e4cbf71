package main

import (
	"encoding"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/supervision"
)

// reference is docs/cli.md: its sections, by their headings.
type reference map[string]string

var anyHeading = regexp.MustCompile(`(?m)^##(?:#? .*\n)`)

// readReference reads docs/cli.md from the folder of this package.
func readReference() (reference, error) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		return nil, err
	}
	sections := reference{}
	places := anyHeading.FindAllStringIndex(string(text), -1)
	for i, place := range places {
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		name, isSection := strings.CutPrefix(string(text[place[0]:place[1]]), "### ")
		if name = strings.TrimSpace(name); sections[name] != "" {
			return nil, fmt.Errorf("docs/cli.md has two sections %q", name)
		}
		if isSection {
			sections[name] = string(text[place[1]:end])
		}
	}
	return sections, nil
}

// contradicts lists where a text, one object a line, is not what a section says.
func (r reference) contradicts(name string, text string) (complaints []string) {
	for line := range strings.Lines(text) {
		complaints = append(complaints, r.compare(fmt.Sprintf("[%s](#)", name), name, json.RawMessage(line))...)
	}
	if text == "" {
		complaints = append(complaints, name+": nothing was printed")
	}
	return complaints
}

// compare holds one value, which stands at a place, against the kind that it is said
// to be of.
func (r reference) compare(kind, place string, value json.RawMessage) (complaints []string) {
	kind, _, _ = strings.Cut(kind, ", ")
	var list []json.RawMessage
	var object map[string]json.RawMessage
	var plain any
	switch element, isList := strings.CutPrefix(kind, "array of "); {
	case isList:
		if json.Unmarshal(value, &list) != nil || list == nil {
			return []string{place + " is no array"}
		}
		for _, value := range list {
			complaints = append(complaints, r.compare(element, place, value)...)
		}
		return complaints
	case kind == "string":
		plain = new(string)
	case kind == "number":
		plain = new(float64)
	case kind == "boolean":
		plain = new(bool)
	default:
		plain = &object
	}
	if json.Unmarshal(value, plain) != nil {
		return []string{place + " is no " + kind}
	}
	if element, isMap := strings.CutPrefix(kind, "object of "); isMap {
		for key, value := range object {
			complaints = append(complaints, r.compare(element, place+"."+key, value)...)
		}
		return complaints
	}
	if section, isObject := linked(kind); isObject {
		return r.compareFields(section, place, object)
	}
	return nil
}

// compareFields holds the fields of an object against those that its section has.
func (r reference) compareFields(section, place string, object map[string]json.RawMessage) (complaints []string) {
	known := map[string]bool{}
	for _, field := range r.allFields(section) {
		known[field.name] = true
		value, there := object[field.name]
		switch {
		case there:
			complaints = append(complaints, r.compare(field.kind, place+"."+field.name, value)...)
		case !field.mayLack:
			complaints = append(complaints, fmt.Sprintf("%s.%s is absent", place, field.name))
		}
	}
	for name := range object {
		if !known[name] {
			complaints = append(complaints, fmt.Sprintf("%s.%s is not explained", place, name))
		}
	}
	return complaints
}

// allFields are those of a section, and those that it takes from others.
func (r reference) allFields(section string) (fields []fieldForm) {
	for _, field := range fieldRows(r[section]) {
		if other, isObject := linked(field.kind); isObject && field.name == "…" {
			fields = append(fields, r.allFields(other)...)
		} else {
			fields = append(fields, field)
		}
	}
	return fields
}

// linked is the section that a kind links to.
func linked(kind string) (section string, isObject bool) {
	section, isObject = strings.CutPrefix(kind, "[")
	section, _, _ = strings.Cut(section, "]")
	return section, isObject
}

// heading is that of a verb in docs/cli.md.
func heading(verb *cobra.Command) string {
	if !verb.HasParent() {
		return verb.Name()
	}
	return strings.Join(callOf(verb), " ")
}

// formOf is how a verb is called, without its flags.
func formOf(verb *cobra.Command) string {
	return strings.TrimSuffix(verb.CommandPath(), verb.Name()) + verb.Use
}

var flagRow = regexp.MustCompile("(?m)^\\| `(?:-\\w, )?(--[a-z-]+)(?: (\\S+))?` \\| .+ \\|$")

func flagRows(section string) (flags []flagForm) {
	for _, row := range flagRow.FindAllStringSubmatch(section, -1) {
		flags = append(flags, flagForm{row[1], row[2]})
	}
	return flags
}

// fieldForm is what is said of one field of an object; the name of one that is
// the fields of another object is "…".
type fieldForm struct {
	name, kind string
	// mayLack: it is absent at times.
	mayLack bool
}

// String is for complaints, one a line.
func (f fieldForm) String() string {
	return fmt.Sprintf("%s: %s, may be absent: %v\n", f.name, f.kind, f.mayLack)
}

var fieldRow = regexp.MustCompile("(?m)^\\| `?([a-z0-9_]+|…)`? \\| (\\S[^|]*) \\| ([^|]*) ?\\| (\\S[^|]*) \\|$")

func fieldRows(section string) (fields []fieldForm) {
	for _, row := range fieldRow.FindAllStringSubmatch(section, -1) {
		if row[1] == "field" {
			continue
		}
		absent := strings.TrimSpace(row[3])
		fields = append(fields, fieldForm{row[1], strings.TrimSpace(row[2]), absent != "never" && row[1] != "…"})
	}
	return fields
}

// fieldsOf are the fields of an object as encoding/json writes it.
func fieldsOf(object reflect.Type) (fields []fieldForm) {
	for i := range object.NumField() {
		field := object.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			fields = append(fields, fieldForm{"…", kindOf(field.Type), false})
			continue
		}
		kind := kindOf(field.Type)
		switch {
		case options == "string":
			kind = "string"
		case strings.HasSuffix(name, "_ms") || name == "ms":
			kind += ", ms"
		case strings.Contains(name, "bytes") || name == "size":
			kind += ", bytes"
		}
		fields = append(fields, fieldForm{name, kind, options == "omitempty" || options == "omitzero"})
	}
	return fields
}

// kindOf is how docs/cli.md names a type.
func kindOf(of reflect.Type) string {
	text, object := reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[json.Marshaler]()
	switch {
	case of == reflect.TypeFor[supervision.Steps]():
		return "array of " + kindOf(reflect.TypeFor[waymeet.ActorStep]())
	case of == reflect.TypeFor[time.Time](), of.Implements(text):
		return "string"
	case of.Kind() != reflect.Struct && of.Implements(object):
		return "unknown: " + of.String() + " writes itself"
	case of == reflect.TypeFor[[]byte]():
		return "string, base64"
	}
	switch of.Kind() {
	case reflect.Pointer:
		return kindOf(of.Elem())
	case reflect.Slice:
		return "array of " + kindOf(of.Elem())
	case reflect.Map:
		return "object of " + kindOf(of.Elem())
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Struct:
		for name, answer := range answers {
			if answer == of {
				return fmt.Sprintf("[%s](#%s)", name, strings.ReplaceAll(name, " ", "-"))
			}
		}
		return "unknown: docs/cli.md has no section for " + of.String()
	}
	return "number"
}
