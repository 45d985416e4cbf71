package supervision_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sup "github.com/waymeet/waymeet/supervision"
)

// "Works inside testing/synctest with -race [...]; at the end sleep 1 s of fake
// time, else the dead-letter throttle goroutine counts as a leak." No message
// becomes a dead letter here, so a bubble ends with its tree.
func TestTrapNothingIsLeftInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{
			worker("a", puppet{}).Child(), sup.SupervisorSpec{Name: "d", Strategy: sup.Dynamic}.Child(),
		}})
		late := sup.Lookup[act](tree, "/d/x")
		if err := tree.Spawn("/d", worker("x", puppet{}).Child()); err != nil {
			t.Fatal(err)
		}
		do(t, tree, "/d/x", func(c *sup.Context[act]) { c.WakeAt(c.Now().Add(time.Hour), boom) })
		if err := tree.StopChild("/d/x"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if err := late.Tell(boom); !errors.Is(err, sup.ErrNoActor) {
			t.Errorf("tell who is gone: %v", err)
		}
		do(t, tree, "/a", boom)
		stop(t, tree)
		if err := sup.Lookup[act](tree, "/a").Tell(boom); !errors.Is(err, sup.ErrStopped) {
			t.Errorf("tell after the end: %v", err)
		}
	}) // panics if a goroutine is left
}

// "One ActorSystem costs 2.5 MiB and 9 ms: share it".
func TestTrapTreesShareOneSystem(t *testing.T) {
	const trees = 100
	stop(t, start(t, sup.Config{}, sup.SupervisorSpec{})) // the system is there
	before := heap()
	var all []*sup.Tree
	for range trees {
		all = append(all, start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{worker("a", puppet{}).Child()}}))
	}
	if each := (heap() - before) / trees; each > 64<<10 {
		t.Errorf("a tree with one actor takes %d KiB", each>>10)
	}
	for _, tree := range all {
		stop(t, tree)
	}
}

// heap is how much memory is in use.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// "Its default logger prints in colour: always WithLoggerFactory." Whatever goes
// wrong, a tree without a logger prints nothing: this test runs again in a
// process of its own, whose output is looked at.
func TestTrapNothingIsPrinted(t *testing.T) {
	const inside = "SUPERVISION_TEST_PRINTS"
	if os.Getenv(inside) == "" {
		again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		again.Env = append(os.Environ(), inside+"=1")
		if out, err := again.CombinedOutput(); err != nil || string(out) != "PASS\n" {
			t.Errorf("%v, and printed:\n%s", err, out)
		}
		return
	}
	bad := worker("bad", puppet{stop: boom})
	bad.Mailbox = 1
	tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{bad.Child()}})
	ref := sup.Lookup[act](tree, "/bad")
	for range 3 {
		_ = ref.Tell(boom) // or the mailbox is full
		_ = ref.Tell(func(*sup.Context[act]) { runtime.Goexit() })
		time.Sleep(10 * time.Millisecond)
	}
	stop(t, tree)
	_ = ref.Tell(boom)                  // nobody is there
	time.Sleep(1100 * time.Millisecond) // protoactor tells of dead letters once a second
}

// exported is what `go list` tells of a package.
type exported struct {
	ImportPath string
	Export     string // the file of its compiled interface
	Imports    []string
}

// list is `go list` of this folder and what it needs.
func list(t *testing.T) map[string]exported {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]exported)
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p exported
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

const (
	ours       = "github.com/waymeet/waymeet/supervision"
	protoactor = "github.com/asynkron/protoactor-go/"
)

// "Import …/actor only (its router has data races, scheduler flakes,
// remote/cluster drag in k8s, etcd, consul)."
func TestTrapOnlyTheActorPackageIsImported(t *testing.T) {
	all := list(t)
	var imported []string
	for name, p := range all {
		if name != ours && !strings.HasPrefix(name, ours+"/") {
			continue
		}
		for _, other := range p.Imports {
			if strings.HasPrefix(other, protoactor) {
				imported = append(imported, other)
			}
		}
	}
	if !slices.Equal(imported, []string{protoactor + "actor"}) {
		t.Errorf("imported: %q", imported)
	}
	for _, drags := range []string{"router", "scheduler", "remote", "cluster"} {
		if _, linked := all[protoactor+drags]; linked {
			t.Errorf("%s is linked", drags)
		}
	}
}

// Nothing of protoactor can be reached by who uses this package, so none of the
// traps can: no type of it, and none of the words of a future.
func TestTrapNothingOfProtoactorIsExported(t *testing.T) {
	all := list(t)
	from := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(all[path].Export)
	})
	seen := 0
	for name := range all {
		if name != ours && !strings.HasPrefix(name, ours+"/") {
			continue
		}
		p, err := from.Import(name)
		if err != nil {
			t.Fatal(err)
		}
		w := walker{t: t, seen: make(map[types.Type]bool)}
		for _, word := range p.Scope().Names() {
			if object := p.Scope().Lookup(word); object.Exported() {
				w.walk(name+"."+word, object.Type())
				seen++
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d exported names were seen", seen)
	}
	w := walker{t: t, seen: make(map[types.Type]bool), try: true}
	p, err := from.Import(protoactor + "actor")
	if err != nil {
		t.Fatal(err)
	}
	if w.walk("PID", p.Scope().Lookup("PID").Type()); w.found == 0 {
		t.Error("the walk does not see a type of protoactor")
	}
}

// walker follows types as far as they can be reached from outside.
type walker struct {
	t     *testing.T
	seen  map[types.Type]bool
	try   bool // count, do not complain
	found int
}

func (w *walker) walk(at string, of types.Type) {
	if of == nil || w.seen[of] {
		return
	}
	w.seen[of] = true
	switch of := of.(type) {
	case *types.Alias:
		w.walk(at, types.Unalias(of))
	case *types.Named:
		w.named(at, of)
	case *types.Pointer:
		w.walk(at, of.Elem())
	case *types.Slice:
		w.walk(at, of.Elem())
	case *types.Array:
		w.walk(at, of.Elem())
	case *types.Chan:
		w.walk(at, of.Elem())
	case *types.Map:
		w.walk(at, of.Key())
		w.walk(at, of.Elem())
	case *types.Tuple:
		for v := range of.Variables() {
			w.walk(at, v.Type())
		}
	case *types.Signature:
		w.walk(at, of.Params())
		w.walk(at, of.Results())
	case *types.Struct:
		for field := range of.Fields() {
			if field.Exported() {
				w.walk(at+"."+field.Name(), field.Type())
			}
		}
	case *types.Interface:
		for method := range of.Methods() {
			w.walk(at+"."+method.Name(), method.Type())
		}
	}
}

// named looks at a type with a name, its arguments and its methods. Other
// packages than ours are not followed.
func (w *walker) named(at string, of *types.Named) {
	for argument := range of.TypeArgs().Types() {
		w.walk(at, argument)
	}
	home := of.Obj().Pkg()
	switch {
	case home == nil: // error, comparable
	case strings.HasPrefix(home.Path(), protoactor):
		if w.found++; !w.try {
			w.t.Errorf("%s leads to %s", at, of)
		}
	case strings.HasPrefix(home.Path(), ours):
		w.walk(at, of.Underlying())
		for method := range of.Methods() {
			if method.Exported() {
				w.walk(at+"."+method.Name(), method.Type())
			}
		}
	}
}
