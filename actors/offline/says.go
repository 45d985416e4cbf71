package offline

import (
	"fmt"
	"strings"

	"github.com/waymeet/waymeet/messages"
)

// says is what a fact of Waymeet's own says, for people; empty where this version
// does not know.
func says(header messages.Header, body []byte) string {
	fact, err := messages.DecodeFact(header.Type, header.Schema, body)
	if err != nil {
		return ""
	}
	switch f := fact.(type) {
	case messages.ContextFounded:
		return f.Founder.Authority().String() + " founded the context"
	case messages.MemberAdded:
		return fmt.Sprintf("%s is a member from epoch %d on", f.Member.Authority(), f.Change.Epoch)
	case messages.MemberRemoved:
		return fmt.Sprintf("%s is no member from epoch %d on", f.Member, f.Change.Epoch)
	case messages.EpochAdvanced:
		return fmt.Sprintf("the members have new keys from epoch %d on", f.Change.Epoch)
	case messages.ChannelEstablished:
		return fmt.Sprintf("%s and %s hold the channel %s", f.Initiator, f.Responder, f.Channel)
	case messages.DescriptorRevoked:
		return fmt.Sprintf("the descriptor %x of %s holds no more", f.Nonce, f.Authority)
	case messages.Equivocation:
		author, _, seq := f.Subject()
		return fmt.Sprintf("%s has signed two facts with number %d", author, seq)
	case messages.RendezvousDescriptor:
		return reachable(f)
	}
	return ""
}

// reachable is how a descriptor says that its author is reached.
func reachable(d messages.RendezvousDescriptor) string {
	var at []string
	for _, endpoint := range d.Endpoints {
		at = append(at, endpoint.Address)
	}
	return fmt.Sprintf("%s is reached until %s at %s", d.Authority, d.Valid.Until.Time().UTC().Format("2006-01-02T15:04:05Z"), strings.Join(at, ", "))
}
