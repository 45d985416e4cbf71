package rendezvoustest

// Defect is something that is broken on purpose, so that a test can see that it
// is found.
type Defect int

const (
	// NoDefect is a World as it should be.
	NoDefect Defect = iota
	// ForgetBudgets lets the actor of a pair begin with nothing saved.
	ForgetBudgets
	// AcknowledgeEarly tells that a transaction is done before it is.
	AcknowledgeEarly
	// ChargeAgain forgets which operations were done, and keeps what they cost.
	ChargeAgain
	// RepeatBytes lets streams deliver what comes twice.
	RepeatBytes
)

// Plant breaks something on purpose.
func (w *World) Plant(defect Defect) { w.defect = defect }
