// Package guard is the guard chain: what stands between a decision to tell
// somebody something and the first byte that leaves the node (SPEC chapter 5).
//
// The chain is data: capability, flow budget, leakage budget, journal, in this
// order, and one table says what every operation needs and costs. Evaluation
// is pure and looks at nothing but the snapshot it is given. The package
// imports messages and nothing else of Waymeet.
//
// Start reading at chain.go, then cost.go.
package guard
