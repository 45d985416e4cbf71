package rendezvous

import (
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// RefreshReason says why an authority must publish a descriptor now.
type RefreshReason string

// The reasons.
const (
	RefreshNone      RefreshReason = ""
	RefreshFirst     RefreshReason = "there is no descriptor of ours yet"
	RefreshRevoked   RefreshReason = "our descriptor is revoked"
	RefreshEpoch     RefreshReason = "the epoch has advanced"
	RefreshEndpoints RefreshReason = "our endpoints have changed"
	RefreshWindow    RefreshReason = "the window of our descriptor ends"
)

// OwnRefresh says whether, and why, the view's own authority must publish at
// now with these endpoints.
//
// SPEC 4.1: "refresh when the last 10 % of the window begins, or at once when
// the endpoints change". SPEC 7.8: "A node republishes its descriptor at once
// when an epoch advances."
func OwnRefresh(v *View, endpoints []messages.LinkEndpoint, now messages.Millis) RefreshReason {
	record, published := v.Descriptors[v.Self]
	switch {
	case !published:
		return RefreshFirst
	case record.Revoked:
		return RefreshRevoked
	case record.Epoch != v.Epoch:
		return RefreshEpoch
	case !slices.Equal(record.Descriptor.Endpoints, endpoints):
		return RefreshEndpoints
	case now >= refreshFrom(record.Descriptor.Valid):
		return RefreshWindow
	}
	return RefreshNone
}

// refreshFrom is when the last tenth of a window begins.
func refreshFrom(w messages.Window) messages.Millis {
	return w.Until.Add(-w.Length() / 10)
}

// refreshTime is when the own descriptor must be replaced if nothing changes.
func refreshTime(record DescriptorRecord) time.Time {
	return refreshFrom(record.Descriptor.Valid).Time()
}
