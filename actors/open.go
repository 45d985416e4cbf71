package actors

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"syscall"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/handshake"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/transport/filedrop"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/store"
	"github.com/waymeet/waymeet/transport/vault"
)

// receivedDir is where files from peers land, in the state directory.
const receivedDir = "received"

// open opens what outlives the actors: the state directory, the databases, the
// socket.
func (n *Node) open() error {
	n.closing, n.close = context.WithCancel(context.Background())
	dir, state := n.config.Dir, store.Directory(n.config.Dir)
	err := checkRelays(n.config.Relays)
	if err != nil {
		return err
	}
	if n.lock, err = state.Lock(); err != nil {
		return StateProblem(dir, err)
	}
	seed, err := state.Claim(store.KindNode)
	if err != nil {
		return StateProblem(dir, err)
	}
	n.identity = membership.NewIdentity(seed)
	n.static = handshake.NewStatic(n.identity.NoisePrivate())
	n.service = rendezvous.NewRendezvousService(n.identity.Authority(), rendezvous.RendezvousConfig{})
	if n.db, err = state.Node(); err != nil {
		return StateProblem(dir, err)
	}
	n.loadCompleted()
	if err := n.databases.open(state); err != nil {
		return StateProblem(dir, err)
	}
	// The first write, and not before everything that is there proved sound.
	if n.boot, err = n.db.NextBoot(n.started); err != nil {
		return StateProblem(dir, err)
	}
	if n.inbox, err = filedrop.OpenInbox(filepath.Join(dir, receivedDir), filedrop.Limits{}); err != nil {
		return StateProblem(dir, err)
	}
	return n.listen()
}

// Identity is who the node of a state directory is. The node need not run, but has
// been there: nothing is made.
func Identity(dir string) (messages.AuthorityID, error) {
	seed, err := store.Directory(dir).Identity(store.KindNode)
	if err != nil {
		return messages.AuthorityID{}, StateProblem(dir, err)
	}
	return membership.NewIdentity(seed).Authority(), nil
}

// checkRelays refuses URLs whose key no relay can have: nothing could ever be
// said to it.
func checkRelays(urls []messages.RelayURL) error {
	for _, url := range urls {
		if _, err := membership.NoisePublic(url.Key); err != nil {
			return messages.Problem{
				Code: messages.ExitUsage, What: "relay URL " + url.String() + " cannot be used",
				Whose: "its key is none, so it was written or copied wrong", Hint: "copy the whole line that the relay printed",
			}
		}
	}
	return nil
}

// listen opens the socket. A port that was chosen once is kept: peers that
// know it find the node again.
func (n *Node) listen() error {
	config := mux.Config{
		Hello: n.takeHello, Deliver: n.takeControl,
		Event: func(e mux.Event) {
			if lines := n.lines.Load(); lines != nil {
				lines.LinkEvent(e)
			}
		},
	}
	listen := n.config.Listen
	if listen.Port() == 0 {
		listen = netip.AddrPortFrom(listen.Addr(), n.keptPort())
	}
	socket, err := n.config.Open(listen, config)
	if errors.Is(err, syscall.EADDRINUSE) && n.config.Listen.Port() == 0 {
		socket, err = n.config.Open(n.config.Listen, config) // somebody took the kept one
	}
	if err != nil {
		return messages.Problem{
			Code: messages.ExitFailed, What: "cannot listen on " + listen.String(), Whose: listenFault(err),
			Hint: "choose another --listen, or stop the program that uses the port",
		}
	}
	n.socket = socket
	if err := n.keepPort(socket.LocalAddr().Port()); err != nil {
		return StateProblem(n.config.Dir, err)
	}
	lines, err := vault.NewLines(socket, lineWatcher{n})
	if err != nil {
		return err
	}
	n.lines.Store(lines)
	n.running.start(n.controlLoop)
	return nil
}

func listenFault(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "the port is in use by another process"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address"
	case errors.Is(err, syscall.EACCES):
		return "the port needs more rights than this process has"
	}
	return err.Error()
}

// closeAll closes what open opened, as far as it came.
func (n *Node) closeAll() {
	if n.close != nil {
		n.close()
	}
	if lines := n.lines.Load(); lines != nil {
		_ = lines.Close() // from here on nothing hands out a stream
	}
	n.running.close()
	n.sessions.endAll()
	n.running.wait()
	if n.socket != nil {
		_ = n.socket.Close()
	}
	if n.inbox != nil {
		_ = n.inbox.Close()
	}
	n.databases.close()
	if n.db != nil {
		_ = n.db.Close()
	}
	if n.lock != nil {
		_ = n.lock.Release()
	}
	n.hub.close()
}
