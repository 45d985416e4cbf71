package actors

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/supervision"
)

// boundless is the intensity of /host: it bears any number of children in
// quarantine, for a defect of the host program must not end the node. Each child
// is bound by an intensity of its own.
var boundless = supervision.Intensity{Restarts: math.MaxInt, Within: time.Minute}

// hostIntensity is that of a child which says nothing else: 3 in 60 s.
var hostIntensity = supervision.Intensity{Restarts: 3, Within: time.Minute}

// hostActors are the actors that the host program has under /host, in the order
// in which it asked for them. The list outlives the supervisor, which loses its
// children when it is started again.
type hostActors struct {
	mu       sync.Mutex
	children []supervision.Child
}

func (h *hostActors) find(name string) int {
	return slices.IndexFunc(h.children, func(c supervision.Child) bool { return c.Name() == name })
}

// remove takes a child off the list, and reports whether it was on it.
func (h *hostActors) remove(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.find(name)
	if at >= 0 {
		h.children = slices.Delete(h.children, at, at+1)
	}
	return at >= 0
}

// ended takes off the list who has ended for good. It still has its place then,
// so no other child has its name, and its supervisor has not begun anew: nobody
// starts it once more.
func (h *hostActors) ended(path string) {
	if name, ours := strings.CutPrefix(path, tree.AtHost+"/"); ours && !strings.Contains(name, "/") {
		h.remove(name)
	}
}

// keepHost starts the children of the list.
func (n *Node) keepHost(t *supervision.Tree) error {
	h := &n.hostActors
	h.mu.Lock() // who is dismissed meanwhile must not come back
	defer h.mu.Unlock()
	var errs []error
	for _, child := range h.children {
		if err := t.Spawn(tree.AtHost, child); !errors.Is(err, supervision.ErrExists) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Supervise starts an actor of the host program, or a supervisor with actors of
// its own, at /host/NAME. It does not wait for the start: one that fails is like
// a crash. The children there are independent of each other. They are stopped
// before anything of the node, and started again with it. One that crashes more
// often than its intensity allows is quarantined alone.
func (n *Node) Supervise(child supervision.Child) error {
	child = child.OrIntensity(hostIntensity)
	h := &n.hostActors
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.find(child.Name()) >= 0 {
		return fmt.Errorf("%w: %s", supervision.ErrExists, tree.AtHostActor(child.Name()))
	}
	err := n.tree().Spawn(tree.AtHost, child)
	if err != nil && !(errors.Is(err, supervision.ErrStopped) && n.restarting()) {
		return err
	}
	h.children = append(h.children, child)
	return nil
}

// restarting reports whether who is down now will be started again.
func (n *Node) restarting() bool {
	select {
	case <-n.tree().Done():
		return false
	default:
		return !n.stopping.Load()
	}
}

// Dismiss stops what Supervise started and does not start it again. It does not
// wait.
func (n *Node) Dismiss(name string) error {
	if !n.hostActors.remove(name) {
		return fmt.Errorf("%w: %s", supervision.ErrNoActor, tree.AtHostActor(name))
	}
	if err := n.tree().StopChild(tree.AtHostActor(name)); !errors.Is(err, supervision.ErrNoActor) {
		return err
	}
	return nil // it was down, and stays so
}

// HostActor is the address of an actor under /host.
func HostActor[M any](n *Node, name string) supervision.Ref[M] {
	return supervision.Lookup[M](n.tree(), tree.AtHostActor(name))
}

// Report is all that the node's supervision tree can tell of itself.
func (n *Node) Report() supervision.Report { return n.tree().Report() }
