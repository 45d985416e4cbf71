package filedrop

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile are names that a peer may try and that must never be used.
var hostile = map[string]string{
	"empty": "", "this folder": ".", "the folder above": "..", "hidden": ".bashrc", "the part folder": ".part",
	"absolute": "/etc/passwd", "up and away": "../../identity.key", "a folder": "a/b", "the end of a path": "a/",
	"windows path": `C:\autoexec.bat`, "windows up": `..\x`, "nul byte": "a\x00.txt", "new line": "a\nb",
	"terminal escape": "\x1b]0;owned\x07", "delete": "a\x7f", "C1 control": "a\u009b31m", "carriage return": "safe.txt\rexe",
	"not UTF-8": "a\xff", "truncated UTF-8": "a\xe2\x82", "reversed text": "gpj\u202efdp.exe", "isolate": "a\u2066b",
	"left-to-right mark": "a\u200e", "line separator": "a\u2028b", "paragraph separator": "a\u2029b",
	"too long": strings.Repeat("a", MaxName+1), "too long in bytes": strings.Repeat("ß", 101),
}

func TestHostileNamesAreRefused(t *testing.T) {
	for what, name := range hostile {
		if err := CheckName(name); !errors.Is(err, ErrName) {
			t.Errorf("%s: %q gives %v", what, name, err)
		}
	}
}

func TestOrdinaryNamesAreTaken(t *testing.T) {
	for _, name := range []string{"a", "report.pdf", "archive.tar.gz", "no extension", "Grüße.txt", "写真.jpg",
		"👩‍👩‍👧.png", "a..b", "trailing.", "-rf", "~", "a:b", "%2e%2e", strings.Repeat("a", MaxName)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestNumberStandsBeforeTheExtension(t *testing.T) {
	tests := []struct {
		name string
		n    int
		want string
	}{
		{"a.txt", 1, "a.txt"}, {"a.txt", 2, "a (2).txt"}, {"a", 3, "a (3)"},
		{"a.tar.gz", 2, "a.tar (2).gz"}, {"a.", 2, "a (2)."}, {"a (2).txt", 2, "a (2) (2).txt"},
	}
	for _, test := range tests {
		if got := numbered(test.name, test.n); got != test.want {
			t.Errorf("%q, %d: %q, want %q", test.name, test.n, got, test.want)
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Add("report.pdf")
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		if !filepath.IsLocal(name) || filepath.Base(name) != name || !utf8.ValidString(name) || name[0] == '.' || len(name) > MaxName {
			t.Errorf("%q was taken", name)
		}
		for _, n := range []int{2, maxNumber} {
			if checkName(numbered(name, n), maxStoredName) != nil {
				t.Errorf("%q was taken, and %q would be no name", name, numbered(name, n))
			}
		}
	})
}
