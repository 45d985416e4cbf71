package rendezvous

import (
	"encoding/binary"

	"github.com/waymeet/waymeet/messages"
)

// The operation ids below follow from what is done, not from when: doing it
// again after a crash gives the same id, and the store charges nothing twice
// (SPEC 5.5).

// PublishOperation is the id of publishing the descriptor with that nonce.
func PublishOperation(context messages.ContextID, nonce messages.Nonce) messages.OperationID {
	return operationID("publish", context, nonce[:])
}

// RevokeOperation is the id of revoking the descriptor with that nonce.
func RevokeOperation(context messages.ContextID, nonce messages.Nonce) messages.OperationID {
	return operationID("revoke", context, nonce[:])
}

// EstablishOperation is the id of calling a peer, in the n-th attempt of that
// boot (SPEC 7.3).
func EstablishOperation(context messages.ContextID, peer messages.AuthorityID, boot messages.Boot, n uint64) messages.OperationID {
	counter := binary.BigEndian.AppendUint64(nil, uint64(boot))
	counter = binary.BigEndian.AppendUint64(counter, n)
	return operationID("establish", context, peer[:], counter)
}

// CompletionOperation is the id of recording an established channel.
func CompletionOperation(context messages.ContextID, e messages.ChannelEstablished) messages.OperationID {
	return operationID("complete", context, e.Channel[:], binary.BigEndian.AppendUint64(nil, uint64(e.Epoch)), e.Transcript[:])
}

// operationID hashes a name of 16 bytes, so that no two operations can meet.
func operationID(name string, context messages.ContextID, parts ...[]byte) messages.OperationID {
	var fixed [16]byte
	copy(fixed[:], name)
	return messages.Hash(messages.LabelOperation, append([][]byte{fixed[:], context[:]}, parts...)...)
}
