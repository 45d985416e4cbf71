package supervision

import "time"

// Phase is what a worker is doing. It is the place of a crash, and the place at
// which the chaos hook may ask for one.
type Phase int

const (
	Starting      Phase = iota // begins with the constructor, before Start
	Acknowledging              // Start has returned nil, the supervisor does not know yet
	BeforeMessage              // begins before Receive
	AfterMessage               // Receive has returned
	BeforeEffect               // begins before Host.Perform
	AfterEffect                // Host.Perform has returned
	Stopping                   // begins before Stop
	Idle                       // between messages, or in a task; the hook is not asked
)

var phaseNames = [...]string{
	Starting: "starting", Acknowledging: "acknowledging",
	BeforeMessage: "before message", AfterMessage: "after message",
	BeforeEffect: "before effect", AfterEffect: "after effect",
	Stopping: "stopping", Idle: "idle",
}

// String is the phase in words.
func (p Phase) String() string { return nameOf(p, phaseNames[:]) }

// MarshalText is String.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Point is one place in the run of a worker at which it may be killed.
// Supervisors have no points; Tree.Kill reaches them.
type Point struct {
	Path        string
	Incarnation Incarnation
	Phase       Phase
	Message     string // type of the message or effect at hand
	Seq         uint64 // counts the points of this actor from 1, through all its lives
}

// Chaos decides what goes wrong on purpose. Its methods are called from any
// goroutine of the tree and must not block. Package chaos has one that follows a
// plan.
type Chaos interface {
	// At is asked at every Point; true: the actor dies there.
	At(Point) bool
	// Told is asked about every message that is told to an actor, before it
	// enters the mailbox.
	Told(Delivery) Fate
}

// KillAt is a Chaos that kills at the points for which it returns true, and
// lets every message through.
type KillAt func(Point) bool

// At implements Chaos.
func (k KillAt) At(p Point) bool { return k(p) }

// Told implements Chaos.
func (KillAt) Told(Delivery) Fate { return Fate{} }

// Delivery is a message on its way into a mailbox.
type Delivery struct {
	Path    string
	Message string // its type
	Class   Class
	Seq     uint64 // counts the messages told to this actor, from 1
}

// Fate is what becomes of a message. The zero Fate is that it arrives, once and
// now.
type Fate struct {
	// Drop loses it; who told it hears no error.
	Drop bool
	// Again is how often it arrives once more.
	Again int
	// Delay is how long it is under way; others may overtake it.
	Delay time.Duration
	// Suspend is how long the actor is suspended from now on, as by Tree.Suspend;
	// the message waits with all others.
	Suspend time.Duration
}

// killed is the panic value of an actor that dies on purpose.
type killed struct{}

func (killed) Error() string { return "killed" }

// Kill ends the lives of all actors whose path matches pattern, as a panic of
// their own would: now if idle, else before the next message. It returns how
// many were alive. In a pattern '*' is any run of characters, '/' included, and
// '?' is any one character. A supervisor that is killed first stops its
// children in reverse order. The root is never killed.
func (t *Tree) Kill(pattern string) int {
	count := 0
	for _, c := range t.snapshot() {
		n := c.current()
		if c.parent == nil || n == 0 || !Match(pattern, c.path) {
			continue
		}
		c.box.post(killLife{n})
		count++
	}
	return count
}

// KillLife is Kill of one life of the actor at path. It reports whether the actor
// was in that life: one that has gone on to another is spared.
func (t *Tree) KillLife(path string, life Incarnation) bool {
	c, err := t.find(path)
	if err != nil || c.parent == nil || life == 0 || c.current() != life {
		return false
	}
	c.box.post(killLife{life})
	return true
}

// Match reports whether the whole of path matches the pattern of Tree.Kill.
// It goes back to the last '*' on a mismatch, so it is bounded by the product
// of the lengths.
func Match(pattern, path string) bool {
	p, star, from := 0, -1, 0
	for i := 0; i < len(path); {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == path[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// point is passed at every Point: it notes the step and lets chaos kill. Without
// chaos nothing can go wrong after a message or effect.
func (c *cell) point(l *life, phase Phase, subject any) {
	if c.tree.config.Chaos == nil && (phase == AfterMessage || phase == AfterEffect) {
		return
	}
	c.box.record(phase, subject)
	c.arrive(l, phase, subject)
}

// arrive is point for what the mailbox has noted.
func (c *cell) arrive(l *life, phase Phase, subject any) {
	c.phase = phase
	chaos := c.tree.config.Chaos
	if chaos == nil {
		return
	}
	seq := c.box.recorder.seq // written by this run alone
	if chaos.At(Point{Path: c.path, Incarnation: l.number, Phase: phase, Message: typeName(subject), Seq: seq}) {
		panic(killed{})
	}
}
