package mux

import (
	"golang.org/x/sys/cpu"

	"github.com/waymeet/waymeet/messages"
)

// PreferredSuite is the one that this machine seals fastest with.
//
// SPEC 7.1: "every node answers both, the initiator takes 2 if it has no AES
// hardware".
func PreferredSuite() messages.Suite {
	if cpu.X86.HasAES || cpu.ARM64.HasAES || cpu.S390X.HasAES {
		return messages.SuiteAESGCM
	}
	return messages.SuiteChaChaPoly
}
