package filedrop

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the greatest name of a file, in bytes. It leaves room for a
// number on every file system.
const MaxName = 200

// ErrName reports a name that breaks the rule for names; the text says how,
// without the name.
var ErrName = errors.New("the name is not allowed")

// CheckName checks the rule for the names of files, at both ends.
//
// docs/wire.md: "Files from peers": "a base name only: UTF-8, no control
// characters, no leading dot, at most 200 bytes". What would fool the eye of
// whoever lists the folder (marks that reverse the direction of text, line
// separators) counts as control characters. A backslash is refused too:
// elsewhere it is a separator.
func CheckName(name string) error { return checkName(name, MaxName) }

func checkName(name string, most int) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > most:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrName, most)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not UTF-8", ErrName)
	case name[0] == '.':
		return fmt.Errorf("%w: it begins with a dot", ErrName)
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%w: it is a path, not a name", ErrName)
	case strings.ContainsFunc(name, isControl):
		return fmt.Errorf("%w: it has control characters", ErrName)
	}
	return nil
}

// isControl reports whether the character controls a terminal or the direction
// of text rather than standing for itself.
func isControl(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// numbered is the n-th name to try: "name.ext", "name (2).ext", and so on.
func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	ext := path.Ext(name)
	return fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), n, ext)
}
