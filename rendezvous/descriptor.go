package rendezvous

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/waymeet/waymeet/messages"
)

// Bounds of a descriptor's window (SPEC 4.1).
const (
	maxValidity = 24 * time.Hour
	maxAhead    = 60 * time.Second
)

// ErrDescriptor reports a descriptor that no member could have published by
// the rules. It is the fault of its author.
var ErrDescriptor = errors.New("invalid descriptor")

// ValidateDescriptor checks the invariants of messages.RendezvousDescriptor at
// the door; inside they are assumed. Whether the author is a member, and
// whether the commitment is right, are questions to a view and not asked here.
//
// now is the time of the fact that carries the descriptor (the wall part of
// its HLC), so that every member decides alike; the fact itself is refused if
// that lies ahead (SPEC 3.4).
//
// SPEC 4.1: "≤ 16 endpoints, ≤ 4000 B, until ≤ from + 24 h, from ≤ now + 60 s.
// Zero key, zero nonce or zero commitment: refused everywhere."
func ValidateDescriptor(d messages.RendezvousDescriptor, now messages.Millis) error {
	if err := validateIdentity(d); err != nil {
		return fmt.Errorf("%w: %w", ErrDescriptor, err)
	}
	if err := validateWindow(d.Valid, now); err != nil {
		return fmt.Errorf("%w: %w", ErrDescriptor, err)
	}
	if err := validateSurfaces(d); err != nil {
		return fmt.Errorf("%w: %w", ErrDescriptor, err)
	}
	if size := len(messages.Encode(d)); size > messages.MaxDescriptorSize {
		return fmt.Errorf("%w: %d bytes, and %d are allowed", ErrDescriptor, size, messages.MaxDescriptorSize)
	}
	return nil
}

func validateIdentity(d messages.RendezvousDescriptor) error {
	switch {
	case d.PublicKey.IsZero():
		return errors.New("the key is zero")
	case d.Nonce.IsZero():
		return errors.New("the nonce is zero")
	case d.PSKCommitment == [32]byte{}:
		return errors.New("the PSK commitment is zero")
	case d.Context.IsZero():
		return errors.New("it is for no context")
	case d.PublicKey.Authority() != d.Authority:
		return errors.New("the key is not that of the authority")
	case d.Sequence == 0 || d.Candidates == 0:
		return errors.New("sequence and candidate generation count from 1")
	}
	return nil
}

func validateWindow(w messages.Window, now messages.Millis) error {
	switch {
	case w.Length() == 0:
		return errors.New("the window is empty")
	case w.Length() > maxValidity:
		return fmt.Errorf("a window of %s, and %s is allowed", w.Length(), maxValidity)
	case w.From > now.Add(maxAhead):
		return fmt.Errorf("the window begins %s ahead", messages.Window{From: now, Until: w.From}.Length())
	}
	return nil
}

func validateSurfaces(d messages.RendezvousDescriptor) error {
	if len(d.Endpoints) > messages.MaxEndpoints {
		return fmt.Errorf("%d endpoints, and %d are allowed", len(d.Endpoints), messages.MaxEndpoints)
	}
	for _, endpoint := range d.Endpoints {
		if err := endpoint.Validate(); err != nil {
			return err
		}
	}
	for _, service := range d.Services {
		if err := validateService(d, service); err != nil {
			return err
		}
	}
	if len(d.NicknameSuggestion) > messages.MaxNickname || !utf8.ValidString(d.NicknameSuggestion) {
		return fmt.Errorf("a nickname is UTF-8 of at most %d bytes", messages.MaxNickname)
	}
	return nil
}

func validateService(d messages.RendezvousDescriptor, service messages.ServiceDescriptor) error {
	switch {
	case service.Header.Provider != d.Authority:
		return fmt.Errorf("service %d is offered in the name of another", service.Kind)
	case service.Header.Scope != d.Context:
		return fmt.Errorf("service %d is offered in another context", service.Kind)
	case service.Header.Valid.Length() == 0 || service.Header.Valid.Length() > maxValidity:
		return fmt.Errorf("service %d has a window of %s", service.Kind, service.Header.Valid.Length())
	}
	return nil
}

// buildDescriptor writes the descriptor that a publication asks for.
//
// SPEC 4.1: "each published descriptor has a greater sequence and
// CandidateGeneration."
func buildDescriptor(view *View, p Publication, now messages.Millis) (messages.RendezvousDescriptor, error) {
	self, isMember := view.Roster.Member(view.Self)
	if !isMember {
		return messages.RendezvousDescriptor{}, errors.New("we are not in the roster")
	}
	keys, held := view.Keys[view.Epoch]
	if !held {
		return messages.RendezvousDescriptor{}, fmt.Errorf("we do not hold the keys of epoch %d", view.Epoch)
	}
	last := view.lastNumbers()
	d := messages.RendezvousDescriptor{
		Authority:          view.Self,
		Context:            view.Context,
		Endpoints:          p.Endpoints,
		PSKCommitment:      keys.PSKCommitment(p.Nonce),
		PublicKey:          self.PublicKey,
		Valid:              messages.Window{From: now, Until: now.Add(p.Validity)},
		Nonce:              p.Nonce,
		Sequence:           last.Sequence + 1,
		Candidates:         last.Candidates + 1,
		Version:            messages.CurrentVersion,
		NicknameSuggestion: p.Nickname,
	}
	if self.MayOfferServices() {
		d.Services = p.services(view, d.Valid)
	}
	return d, ValidateDescriptor(d, now)
}

// services are those that the publication offers in the view's epoch.
func (p Publication) services(view *View, valid messages.Window) (services []messages.ServiceDescriptor) {
	for _, offer := range p.Services {
		services = append(services, messages.ServiceDescriptor{Kind: offer.Kind, Header: messages.ServiceHeader{
			Provider: view.Self, Scope: view.Context, Valid: valid, Epoch: view.Epoch, Limits: offer.Limits,
		}})
	}
	return services
}
