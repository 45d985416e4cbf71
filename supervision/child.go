package supervision

import (
	"fmt"
	"strings"
	"time"
)

const (
	defaultStartWithin = 60 * time.Second
	defaultStopWithin  = 5 * time.Second
	defaultMailbox     = 1024 // messages
)

// WorkerSpec describes a child that runs an Actor with inbox type M. Only Name
// and New are needed.
type WorkerSpec[M any] struct {
	Name        string          // last element of the path: not empty, without '/', '*' and '?'
	New         func() Actor[M] // called for every life; see Host.Actor
	Restart     Restart         // zero: Permanent
	Significant bool            // its end for good ends its supervisor; not if Permanent
	Intensity   Intensity       // of this child; zero: that of its supervisor
	StartWithin time.Duration   // for the acknowledgement; zero: 60 s
	StopWithin  time.Duration   // for a clean stop, tasks included; zero: 5 s
	Mailbox     int             // bound of the user lane in messages; zero: 1024
	Sort        func(M) Sort    // the class of a message; nil: MustDeliver
}

// Child makes the specification ready for a supervisor.
func (w WorkerSpec[M]) Child() Child {
	c := Child{
		name:        w.Name,
		restart:     w.Restart,
		significant: w.Significant,
		intensity:   w.Intensity,
		startWithin: or(w.StartWithin, defaultStartWithin),
		stopWithin:  or(w.StopWithin, defaultStopWithin),
		mailbox:     or(w.Mailbox, defaultMailbox),
	}
	if w.New != nil {
		newActor, sort := w.New, w.Sort // and not all of w
		c.body = func(c *cell) body { return newWorker(c, newActor, sort) }
	}
	return c
}

// SupervisorSpec describes a supervisor, nested or the root of a tree.
type SupervisorSpec struct {
	Name        string // as of a worker; the root has none
	Strategy    Strategy
	Intensity   Intensity // of its children together, under Dynamic of each; zero: 3 in 60 s
	Restart     Restart   // of the supervisor itself
	Significant bool      // as of a worker
	Children    []Child   // in the order of start; none under Dynamic
}

// Child makes the specification ready for the supervisor above it. It has no
// deadlines of its own: its children have.
func (s SupervisorSpec) Child() Child {
	s.Intensity = s.Intensity.or(Intensity{Restarts: defaultRestarts, Within: defaultWithin})
	return Child{
		name:        s.Name,
		restart:     s.Restart,
		significant: s.Significant,
		spec:        &s,
		body:        func(c *cell) body { return newSupervisor(c, s) },
	}
}

// Child is what a supervisor supervises: a worker or another supervisor. Make
// one with WorkerSpec.Child or SupervisorSpec.Child.
type Child struct {
	name        string
	restart     Restart
	significant bool
	intensity   Intensity
	startWithin time.Duration // zero: no deadline
	stopWithin  time.Duration // zero: no deadline
	mailbox     int
	spec        *SupervisorSpec // nil for a worker
	body        func(*cell) body
}

// Name is the last element of the child's path.
func (c Child) Name() string { return c.name }

// OrIntensity is the child with this intensity, if it has none of its own.
func (c Child) OrIntensity(i Intensity) Child {
	c.intensity = c.intensity.or(i)
	return c
}

// check refuses what could never run. at is the path of the supervisor.
func (c Child) check(at string) error {
	path := join(at, c.name)
	switch {
	case c.name == "" || strings.ContainsAny(c.name, "/*?"):
		return fmt.Errorf("supervision: child of %s: %q is no name", at, c.name)
	case c.body == nil:
		return fmt.Errorf("supervision: %s has no constructor", path)
	case c.restart < Permanent || c.restart > Temporary:
		return fmt.Errorf("supervision: %s has no Restart that is known: %d", path, c.restart)
	case c.significant && c.restart == Permanent:
		return fmt.Errorf("supervision: %s is significant, but permanent: it would never end for good", path)
	case c.spec != nil:
		return c.spec.check(path)
	}
	return c.intensity.check(path)
}

func (s *SupervisorSpec) check(path string) error {
	if err := s.Intensity.check(path); err != nil {
		return err
	}
	if s.Strategy < OneForOne || s.Strategy > Dynamic {
		return fmt.Errorf("supervision: %s has no Strategy that is known: %d", path, s.Strategy)
	}
	if s.Strategy == Dynamic && len(s.Children) > 0 {
		return fmt.Errorf("supervision: %s is dynamic and must begin without children", path)
	}
	seen := make(map[string]bool, len(s.Children))
	for _, c := range s.Children {
		if seen[c.name] {
			return fmt.Errorf("supervision: %s has two children named %q", path, c.name)
		}
		seen[c.name] = true
		if err := c.check(path); err != nil {
			return err
		}
	}
	return nil
}

// join appends a name to the path of a supervisor; the root's path is "/".
func join(path, name string) string {
	if path == "/" {
		return path + name
	}
	return path + "/" + name
}

// or returns v, or d where v is not positive.
func or[T int | time.Duration](v, d T) T {
	if v > 0 {
		return v
	}
	return d
}
