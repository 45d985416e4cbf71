package messages

// AgreementMode says how firmly something is agreed (SPEC 9.1).
type AgreementMode uint8

const (
	// A1Provisional is usable at once and may revert.
	A1Provisional AgreementMode = 1
	// A2SoftSafe has a convergence certificate of its coordinator.
	A2SoftSafe AgreementMode = 2
	// A3Finalized has a commit with evidence in the journal.
	A3Finalized AgreementMode = 3
)

// String is "A1", "A2" or "A3".
func (m AgreementMode) String() string {
	switch m {
	case A1Provisional:
		return "A1"
	case A2SoftSafe:
		return "A2"
	case A3Finalized:
		return "A3"
	}
	return "A?"
}

// MarshalText writes "A1", "A2" or "A3".
func (m AgreementMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }
