package waymeet_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// The rules themselves are tried on small sources: a rule that cannot fail
// protects nothing.
func TestArchitectureRulesCatchWhatTheyForbid(t *testing.T) {
	const ours = module + "/"
	for _, c := range []struct {
		file, source string
		// words of the one complaint; empty when the source is fine
		words string
	}{
		{"messages/a.go", `import "net/netip"`, ""},
		{"messages/a.go", `import "log/slog"; type x struct{}; func (x) LogValue() slog.Value { return slog.StringValue("") }`, ""},
		{"messages/a.go", `import "log/slog"; func f() { slog.Info("x") }`, "slog.Info"},
		{"messages/a.go", `import "net"`, `import "net"`},
		{"messages/a.go", `import "net/http"`, `import "net/http"`},
		{"messages/a.go", `import "sync/atomic"`, `import "sync/atomic"`},
		{"messages/a.go", `import "` + ours + `rendezvous"`, "may not import"},
		{"messages/a.go", `import "golang.org/x/crypto/hkdf"`, "no use for"},

		{"rendezvous/a.go", `import ("time"; "` + ours + `messages"); func f(t time.Time) time.Time { return t.Add(1) }; var _ messages.Tick`, ""},
		{"rendezvous/a.go", `import "time"; var f = time.Now`, "time.Now"},
		{"rendezvous/a.go", `import clock "time"; func f() { clock.Sleep(1) }`, "clock.Sleep"},
		{"rendezvous/a.go", `func f() { go f() }`, "a goroutine"},
		{"rendezvous/a.go", `func f(c chan int) {}`, "a channel"},
		{"rendezvous/a.go", `func init() {}`, "an init function"},
		{"rendezvous/a.go", `import "crypto/rand"`, "crypto/rand"},
		{"rendezvous/a.go", `import "math/rand/v2"; func f(r *rand.Rand) int { return r.IntN(2) }`, ""},
		{"rendezvous/a.go", `import "math/rand/v2"; func f() int { return rand.IntN(2) }`, "rand.IntN"},
		{"rendezvous/a.go", `import "` + ours + `rendezvous/journal"`, "may not import"},
		{"rendezvous/a.go", `import "` + ours + `rendezvous/guard"`, ""},
		{"rendezvous/journal/a.go", `import "` + ours + `rendezvous"`, ""},
		{"rendezvous/journal/a.go", `import "` + ours + `rendezvous/membership"`, ""},
		{"rendezvous/journal/a.go", `import "` + ours + `rendezvous/upgrade"`, "may not import"},
		{"rendezvous/membership/a.go", `import "` + ours + `rendezvous"`, "may not import"},
		{"rendezvous/handshake/a.go", `import "github.com/flynn/noise"`, ""},
		{"rendezvous/handshake/a.go", `import "github.com/quic-go/quic-go"`, "no use for"},

		{"supervision/a.go", `import ("sync"; "time"; "github.com/asynkron/protoactor-go/actor"); var _ = time.Now; var _ sync.Mutex; var _ actor.PID`, ""},
		{"supervision/a.go", `import "github.com/asynkron/protoactor-go/remote"`, "no use for"},
		{"supervision/a.go", `import "` + ours + `messages"`, "may not import"},
		{"transport/mux/a.go", `import "` + ours + `transport/vault"`, ""},
		{"transport/mux/a.go", `import "` + ours + `rendezvous/handshake"`, "may not import"},
		{"transport/mux/a.go", `import "` + ours + `actors"`, "may not import"},
		{"transport/mux/a.go", `import "github.com/asynkron/protoactor-go/actor"`, "no use for"},
		{"actors/a.go", `import "` + module + `"`, "may not import"},
		{"actors/a.go", `import "github.com/quic-go/quic-go"`, "no use for"},
		{"a.go", `import "` + ours + `actors"`, ""},
		{"a.go", `import "` + ours + `rendezvous"`, "may not import"},
		{"a.go", `import "` + ours + `cmd/waymeet"`, "may not import"},
		{"cmd/waymeet/a.go", `import ("` + module + `"; "github.com/spf13/cobra"); var _ waymeet.Config; var _ cobra.Command`, ""},
		{"cmd/waymeet/a.go", `import "` + ours + `messages"`, "may not import"},
		{"cmd/waymeet/a.go", `import "` + ours + `actors"`, "may not import"},
		{"examples/embed/a.go", `import "` + module + `"`, ""},
		{"examples/embed/a.go", `import "` + ours + `supervision"`, ""},
		{"examples/embed/a.go", `import "` + ours + `actors"`, "may not import"},
	} {
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, c.file, "package p; "+c.source, 0)
		if err != nil {
			t.Fatalf("%s: %v", c.source, err)
		}
		got := append(badImports(c.file, file), impurities(c.file, file, positions)...)
		switch {
		case c.words == "" && len(got) > 0:
			t.Errorf("%s: %s: it is fine, but: %v", c.file, c.source, got)
		case c.words != "" && (len(got) != 1 || !strings.Contains(got[0], c.words)):
			t.Errorf("%s: %s: got %q, want one complaint with %q", c.file, c.source, got, c.words)
		}
	}
}

// Files stay under 400 lines and functions under 60: where one grows past it,
// a noun is hiding in it.
const (
	maxFileLines     = 400
	maxFunctionLines = 60
)

func TestHouseSizes(t *testing.T) {
	eachFile(t, func(name string, file *ast.File, positions *token.FileSet) {
		line := func(p token.Pos) int { return positions.Position(p).Line }
		if lines := line(file.FileEnd); lines > maxFileLines+1 {
			t.Errorf("%s has %d lines, more than %d", name, lines, maxFileLines)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				if lines := line(f.End()) - line(f.Pos()) + 1; lines > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, more than %d", name, f.Name.Name, lines, maxFunctionLines)
				}
			}
		}
	})
}

// Every exported function, method and type of a package that others import
// says what it is.
func TestHouseExportedNamesAreDocumented(t *testing.T) {
	eachFile(t, func(name string, file *ast.File, _ *token.FileSet) {
		if file.Name.Name == "main" {
			return
		}
		for _, decl := range file.Decls {
			for _, undocumented := range undocumentedNames(decl) {
				t.Errorf("%s: %s has no comment", name, undocumented)
			}
		}
	})
}

func undocumentedNames(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
				names = append(names, s.Name.Name)
			}
		}
	}
	return names
}

// exportedReceiver reports whether others can reach the method at all.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	receiver := f.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return true
		}
	}
}
