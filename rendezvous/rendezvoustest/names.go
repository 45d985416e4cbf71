package rendezvoustest

import (
	"fmt"
	"strings"

	"github.com/waymeet/waymeet/messages"
)

// names gives short names for ids and addresses, so that people can read what
// happened.
type names struct {
	authorities map[messages.AuthorityID]string
	contexts    map[messages.ContextID]string
	channels    map[messages.ChannelID]string
	replaced    []string
}

func newNames() names {
	return names{
		authorities: map[messages.AuthorityID]string{},
		contexts:    map[messages.ContextID]string{},
		channels:    map[messages.ChannelID]string{},
	}
}

func (n *names) nameAuthority(id messages.AuthorityID, name string) {
	n.authorities[id] = name
	n.replaced = append(n.replaced, id.Short(), name)
}

func (n *names) nameContext(id messages.ContextID, name string) {
	n.contexts[id] = name
	n.replaced = append(n.replaced, id.Short(), name)
}

// channel numbers channels as they are first spoken of.
func (n *names) channel(id messages.ChannelID) string {
	if n.channels[id] == "" {
		n.channels[id] = fmt.Sprintf("channel %d", len(n.channels)+1)
	}
	return n.channels[id]
}

func (n *names) authority(id messages.AuthorityID) string { return n.authorities[id] }

func (n *names) replace(text string) string { return strings.NewReplacer(n.replaced...).Replace(text) }
