package rendezvous

// commitmentMatches reports whether a descriptor commits to the psk root of
// the epoch in which its fact was written, as far as this node can tell: keys
// it does not hold match nothing.
//
// SPEC 4.3: "PSK commitment = SHA-256('waymeet/1 psk commitment' ‖ psk root ‖
// descriptor nonce): salted, so that it is no fingerprint of the context."
func commitmentMatches(view *View, record DescriptorRecord) bool {
	keys, held := view.Keys[record.Epoch]
	if !held || record.Descriptor.PSKCommitment == [32]byte{} {
		return false
	}
	return keys.PSKCommitment(record.Descriptor.Nonce) == record.Descriptor.PSKCommitment
}
