package actorstest

import "github.com/waymeet/waymeet/rendezvous/rendezvoustest"

// Defect is something that is broken on purpose, so that a test can see that it
// is found.
type Defect = rendezvoustest.Defect

// The defects that there are.
const (
	NoDefect         = rendezvoustest.NoDefect
	ForgetBudgets    = rendezvoustest.ForgetBudgets
	AcknowledgeEarly = rendezvoustest.AcknowledgeEarly
	ChargeAgain      = rendezvoustest.ChargeAgain
	RepeatBytes      = rendezvoustest.RepeatBytes
)
