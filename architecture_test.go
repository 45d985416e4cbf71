package waymeet_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/waymeet/waymeet"

// A layer is a folder with all that is under it. The first layer of layers
// that holds a package rules it.
type layer struct {
	folder string
	// local lists the folders of this module that may be imported, each with
	// all that is under it. The own package's folder need not be listed.
	local []string
	// modules lists what may be imported of other modules, by path prefix.
	modules []string
	// pure layers decide and never do: no clock, goroutine, lock, disk,
	// socket, log or randomness of their own.
	pure bool
}

var cryptoModules = []string{"github.com/flynn/noise", "github.com/cloudflare/circl", "filippo.io/edwards25519", "golang.org/x/crypto"}

// The arrows (DESIGN.md: "Layers"). Inside rendezvous/ the parent and its children see
// the two foundations, children see the parent, siblings never each other.
var layers = []layer{
	{folder: "messages", modules: []string{"github.com/fxamacker/cbor/v2"}, pure: true},
	{folder: "rendezvous/membership", local: []string{"messages"}, modules: cryptoModules, pure: true},
	{folder: "rendezvous/guard", local: []string{"messages"}, modules: cryptoModules, pure: true},
	{folder: "rendezvous/rendezvoustest", local: []string{"messages", "rendezvous"}, modules: append([]string{"pgregory.net/rapid", "github.com/google/go-cmp"}, cryptoModules...), pure: true},
	{folder: "rendezvous", local: []string{"messages", "rendezvous$", "rendezvous/membership", "rendezvous/guard"}, modules: cryptoModules, pure: true},
	{folder: "supervision", local: []string{"supervision"}, modules: []string{"github.com/asynkron/protoactor-go/actor"}},
	{folder: "transport", local: []string{"messages", "transport"}, modules: []string{
		"github.com/quic-go/quic-go", "github.com/pion/stun/v2", "github.com/cenkalti/backoff/v4", "go.etcd.io/bbolt",
		"github.com/vishvananda/netlink", "github.com/huin/goupnp", "github.com/jackpal/go-nat-pmp", "github.com/coder/websocket",
		"golang.org/x/net", "golang.org/x/sys", "golang.org/x/sync", "golang.org/x/time", "golang.org/x/crypto",
		"github.com/flynn/noise", "github.com/cloudflare/circl", "filippo.io/edwards25519",
	}},
	{folder: "actors", local: []string{"messages", "rendezvous", "supervision", "transport", "actors"}, modules: []string{"golang.org/x/time", "golang.org/x/sync"}},
	{folder: "cmd/waymeet", local: []string{"$"}, modules: []string{"github.com/spf13/cobra", "github.com/BurntSushi/toml", "github.com/skip2/go-qrcode", "golang.org/x/term", "golang.org/x/sys"}},
	{folder: "examples", local: []string{"$", "supervision"}},
	{folder: "", local: []string{"messages", "supervision", "transport", "actors"}},
}

// What a pure package may not touch. A name that ends in a slash stands for
// all packages below it.
var impureImports = []string{
	"context", "crypto/rand", "io/ioutil", "log", "math/rand", "net", "net/", "os", "os/", "runtime", "runtime/", "sync", "sync/", "syscall", "unsafe",
}

// Packages under an impure name that only hold values or declare interfaces.
var pureImports = []string{"net/netip", "net/url", "math/rand/v2"}

// Calls that make an allowed package impure.
var impureCalls = map[string][]string{
	"time":         {"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until"},
	"log/slog":     {"Debug", "Info", "Warn", "Error", "Log", "LogAttrs", "Default", "SetDefault", "DebugContext", "InfoContext", "WarnContext", "ErrorContext"},
	"fmt":          {"Print", "Println", "Printf", "Scan", "Scanln", "Scanf"},
	"math/rand/v2": {"Int", "IntN", "Int32", "Int32N", "Int64", "Int64N", "Uint32", "Uint32N", "Uint64", "Uint64N", "UintN", "Uint", "N", "Float32", "Float64", "ExpFloat64", "NormFloat64", "Perm", "Shuffle"},
}

// Who may import whom (DESIGN.md: "Layers") is enforced here.
func TestHouseImportArrows(t *testing.T) {
	eachFile(t, func(name string, file *ast.File, _ *token.FileSet) {
		for _, complaint := range badImports(name, file) {
			t.Errorf("%s: %s", name, complaint)
		}
	})
}

// A machine that reads a clock cannot be run in virtual time, and one that
// locks or spawns cannot be replayed.
func TestHousePurity(t *testing.T) {
	eachFile(t, func(name string, file *ast.File, positions *token.FileSet) {
		for _, complaint := range impurities(name, file, positions) {
			t.Errorf("%s: %s", name, complaint)
		}
	})
}

func layerOf(name string) layer {
	folder := path.Dir(name)
	for _, l := range layers {
		if l.folder == "" || folder == l.folder || strings.HasPrefix(folder, l.folder+"/") {
			return l
		}
	}
	panic("the last layer holds everything")
}

// badImports lists the imports of a file that its layer does not allow.
func badImports(name string, file *ast.File) (complaints []string) {
	l := layerOf(name)
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		local, isLocal := strings.CutPrefix(imported, module)
		local = strings.TrimPrefix(local, "/")
		switch {
		case isLocal && !allowsLocal(l, path.Dir(name), local):
			complaints = append(complaints, fmt.Sprintf("%q may not import %q", path.Dir(name), imported))
		case !isLocal && isModule(imported) && !underAny(imported, l.modules):
			complaints = append(complaints, fmt.Sprintf("%q may not import %q, a library that its layer has no use for", path.Dir(name), imported))
		}
	}
	return complaints
}

// allowsLocal reports whether a folder of the layer may import another folder.
// An entry that ends in $ stands for that folder alone.
func allowsLocal(l layer, from, to string) bool {
	if from == to {
		return true
	}
	for _, allowed := range l.local {
		exact, isExact := strings.CutSuffix(allowed, "$")
		if isExact && to == exact || !isExact && under(to, allowed) {
			return true
		}
	}
	return false
}

// isModule reports whether an import is neither ours nor the standard
// library's, whose paths have no dot before the first slash.
func isModule(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".")
}

func under(imported, prefix string) bool {
	return imported == prefix || strings.HasPrefix(imported, prefix+"/")
}

func underAny(imported string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return under(imported, p) })
}

// impurities lists what a file of a pure layer does that it may only decide.
func impurities(name string, file *ast.File, positions *token.FileSet) (complaints []string) {
	if !layerOf(name).pure {
		return nil
	}
	complain := func(node ast.Node, what string) {
		complaints = append(complaints, fmt.Sprintf("line %d: %s in a pure package", positions.Position(node.Pos()).Line, what))
	}
	names := map[string]string{}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if isImpureImport(imported) {
			complain(spec, fmt.Sprintf("import %q", imported))
		}
		names[importName(spec, imported)] = imported
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.GoStmt:
			complain(n, "a goroutine")
		case *ast.ChanType:
			complain(n, "a channel")
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				complain(n, "an init function")
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(impureCalls[names[x.Name]], n.Sel.Name) {
				complain(n, x.Name+"."+n.Sel.Name)
			}
		}
		return true
	})
	return complaints
}

func isImpureImport(imported string) bool {
	if slices.Contains(pureImports, imported) {
		return false
	}
	return slices.ContainsFunc(impureImports, func(p string) bool {
		return imported == p || strings.HasSuffix(p, "/") && strings.HasPrefix(imported, p)
	})
}

func importName(spec *ast.ImportSpec, imported string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	base := path.Base(imported)
	if strings.HasPrefix(base, "v") && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(imported))
	}
	return base
}

// eachFile parses every Go file of the module that is not a test.
func eachFile(t *testing.T, visit func(name string, file *ast.File, positions *token.FileSet)) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(name, entry.Name())
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		files++
		if !strings.HasPrefix(buildTag(file), "//go:build deps") {
			visit(filepath.ToSlash(name), file, positions)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("only %d files were found: the walk does not see the tree", files)
	}
}

// skipFolder leaves out what is not of this module.
func skipFolder(name, base string) error {
	nested, _ := filepath.Glob(filepath.Join(name, "go.mod"))
	if name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || len(nested) > 0) {
		return filepath.SkipDir
	}
	return nil
}

func buildTag(file *ast.File) string {
	for _, group := range file.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:build") {
				return c.Text
			}
		}
	}
	return ""
}
