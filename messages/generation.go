package messages

// Epoch counts the membership changes and rotations of a context (SPEC 2.2).
type Epoch uint64

// After reports whether e is newer than f.
func (e Epoch) After(f Epoch) bool { return e > f }

// CandidateGeneration counts the sets of candidates that one authority has
// published; it travels in the authority's descriptor (SPEC 1.4, 4.1).
type CandidateGeneration uint64

// After reports whether g is newer than h.
//
// SPEC 1.4: "Only a greater value is new; an equal or older one changes
// nothing."
func (g CandidateGeneration) After(h CandidateGeneration) bool { return g > h }

// NetworkGeneration counts the changes of this node's own network: interfaces,
// addresses, default route, resume from sleep. It is local and never travels
// (SPEC 1.4, 10.9).
type NetworkGeneration uint64

// After reports whether g is newer than h.
func (g NetworkGeneration) After(h NetworkGeneration) bool { return g > h }

// Boot counts the starts of a node: max(stored + 1, Unix seconds at start)
// (SPEC 7.3).
type Boot uint64

// Seq numbers the facts of one author from 1 to MaxSeq (SPEC 3.1).
type Seq uint64

// MaxSeq is the greatest number that a fact has: a frontier has 4 bytes for it,
// and one number must be left to come after it. It is 136 facts a second for a
// year.
const MaxSeq Seq = 1<<32 - 2
