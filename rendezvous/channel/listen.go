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
		if epoch+maxKeyEpochs <= view.Epoch {
			continue
		}
		for _, nonce := range m.ownNonces(view) {
			name := helloName{epoch, nonce}
			index, known := l.indexes[name]
			if !known {
				index = membership.HelloIndex(held.Hello, nonce)
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

// ownNonces are the nonces of our descriptors that a hello may still name.
func (m *Manager) ownNonces(view *rendezvous.View) []messages.Nonce {
	var nonces []messages.Nonce
	if newest, published := view.Descriptors[m.config.Self]; published && !newest.Revoked {
		nonces = append(nonces, newest.Descriptor.Nonce)
	}
	for nonce, record := range view.Older {
		ends := record.Descriptor.Valid.Until.Add(maxDescriptorAge)
		if record.Descriptor.Authority == m.config.Self && !record.Revoked && messages.MillisOf(m.now) < ends {
			nonces = append(nonces, nonce)
		}
	}
	return nonces
}
