package channel

import (
	"cmp"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// listening is what a context's hellos are opened with now.
type listening struct {
	installed []HelloKey
	// indexes remembers what was computed; views change often, descriptors and
	// epochs do not.
	indexes map[helloName]messages.KeyIndex
}

type helloName struct {
	epoch messages.Epoch
	nonce messages.Nonce
}

// listen installs the hello keys of the view, if they have changed.
//
// SPEC 7.2: "a node listens to all its unrevoked descriptors within 7.8's
// limits". SPEC 7.8: "for 8 epochs or 30 days a node keeps old membership
// datagram keys to receive hellos".
func (m *Manager) listen(view *rendezvous.View) {
	l := m.contexts[view.Context]
	if l == nil {
		l = &listening{}
		m.contexts[view.Context] = l
	}
	indexes := make(map[helloName]messages.KeyIndex)
	var keys []HelloKey
	for epoch, held := range view.Keys {
		if !view.Receives(epoch) {
			continue
		}
		for _, record := range m.ownDescriptors(view) {
			if record.Epoch.After(epoch) {
				continue // who knows the descriptor knows its epoch
			}
			name := helloName{epoch, record.Descriptor.Nonce}
			index, known := l.indexes[name]
			if !known {
				index = membership.HelloIndex(held.Hello, name.nonce)
			}
			indexes[name] = index
			keys = append(keys, HelloKey{Index: index, Key: held.Hello, Epoch: epoch})
		}
	}
	slices.SortFunc(keys, func(a, b HelloKey) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Index, b.Index))
	})
	l.indexes = indexes
	if !slices.Equal(keys, l.installed) {
		l.installed = keys
		m.emit(InstallHelloKeys{Context: view.Context, Keys: slices.Clone(keys)})
	}
}

// ownDescriptors are those of ours that a hello may still name.
func (m *Manager) ownDescriptors(view *rendezvous.View) []rendezvous.DescriptorRecord {
	var own []rendezvous.DescriptorRecord
	if newest, published := view.Descriptors[m.config.Self]; published && !newest.Revoked {
		own = append(own, newest)
	}
	for _, record := range view.Older {
		ends := record.Descriptor.Valid.Until.Add(rendezvous.MaxDescriptorAge)
		if record.Descriptor.Authority == m.config.Self && !record.Revoked && messages.MillisOf(m.now) < ends {
			own = append(own, record)
		}
	}
	return own
}
