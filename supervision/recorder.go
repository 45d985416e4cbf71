package supervision

import (
	"encoding/json"
	"reflect"
	"sync"
)

// Step is one thing that an actor did, as its flight recorder keeps it: where it
// stood, and the type of the message or effect at hand, never what was in it.
type Step struct {
	Seq     uint64 `json:"seq"` // counts the steps of this actor from 1, through all its lives
	Phase   Phase  `json:"phase"`
	Message string `json:"message,omitempty"`
}

// recorded is how many steps a recorder keeps.
const recorded = 16

// recorder is the flight recorder of a cell, guarded by the lock of its mailbox:
// a message is noted while it is taken out, so that costs next to nothing.
type recorder struct {
	seq  uint64 // of the last step
	ring *[recorded]uint64
	// The last type of message and its number: mostly it is the same again.
	kind   reflect.Type
	number uint16
}

// copy is a recorder of its own that goes on from here.
func (r *recorder) copy() recorder {
	other := *r
	if r.ring != nil {
		ring := *r.ring
		other.ring = &ring
	}
	return other
}

// A packed step: sequence number 40, type 16, phase 8.
func pack(seq uint64, kind uint16, phase Phase) uint64 {
	return seq<<24 | uint64(kind)<<8 | uint64(phase)
}

func unpack(step uint64, t *Tree) Step {
	return Step{Seq: step >> 24, Phase: Phase(step & 0xff), Message: t.kinds.name(uint16(step >> 8))}
}

// note keeps a step. What comes before the first message is not worth a ring.
func (r *recorder) note(t *Tree, phase Phase, subject any) {
	r.seq++
	if r.ring == nil {
		if phase < BeforeMessage {
			return
		}
		r.ring = new([recorded]uint64)
	}
	r.ring[r.seq%recorded] = pack(r.seq, r.numberOf(subject, t), phase)
}

func (r *recorder) numberOf(subject any, t *Tree) uint16 {
	if subject == nil {
		return 0
	}
	if kind := reflect.TypeOf(subject); kind != r.kind {
		r.kind, r.number = kind, t.kinds.numberOf(kind)
	}
	return r.number
}

// packed are the steps kept, oldest first.
func (r *recorder) packed() []uint64 {
	if r.ring == nil {
		return nil
	}
	steps := make([]uint64, 0, recorded)
	for i := uint64(1); i <= recorded; i++ {
		if step := r.ring[(r.seq+i)%recorded]; step != 0 {
			steps = append(steps, step)
		}
	}
	return steps
}

// last is the last step kept; zero: none.
func (r *recorder) last() uint64 {
	if r.ring == nil {
		return 0
	}
	return r.ring[r.seq%recorded]
}

// Steps are what an actor did last. They cost little until somebody reads them.
type Steps struct {
	tree   *Tree
	packed []uint64
}

// List is one Step each, oldest first.
func (s Steps) List() []Step {
	list := make([]Step, 0, len(s.packed))
	for _, step := range s.packed {
		list = append(list, unpack(step, s.tree))
	}
	return list
}

// MarshalJSON is List as JSON.
func (s Steps) MarshalJSON() ([]byte, error) { return json.Marshal(s.List()) }

// kinds numbers the types of messages and effects of a tree. Number 0 is none;
// types beyond the 65 535th are taken for none.
type kinds struct {
	mu      sync.RWMutex
	numbers map[reflect.Type]uint16
	names   []string // by number, from 1
}

func (k *kinds) numberOf(kind reflect.Type) uint16 {
	if kind == nil {
		return 0
	}
	k.mu.RLock()
	n, known := k.numbers[kind]
	k.mu.RUnlock()
	if known {
		return n
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if n, known := k.numbers[kind]; known || len(k.names) == 1<<16-1 {
		return n
	}
	if k.numbers == nil {
		k.numbers = make(map[reflect.Type]uint16)
	}
	k.names = append(k.names, kind.String())
	k.numbers[kind] = uint16(len(k.names))
	return k.numbers[kind]
}

func (k *kinds) name(n uint16) string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if n == 0 || int(n) > len(k.names) {
		return ""
	}
	return k.names[n-1]
}
