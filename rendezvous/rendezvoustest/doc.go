// Package rendezvoustest plays several whole nodes, made of the real machines
// of rendezvous/…, on one virtual clock. It is support for tests and the one
// package that sees all machines at once.
//
// Real are the machines and their cryptography: journal.Journal and Sync,
// rendezvous.Publisher, channel.Manager, handshake.Handshaker with its Noise,
// upgrade.Connection and Network, relay.Client and Forwarder,
// discovery.Inviter and Joiner. Played are the actors (host.go: effects in
// order, one deadline, a life that can end at any step), the disk (disk.go),
// and the wire with all that the transport does for the machines (wire.go,
// line.go): sealing, streams, liveness. A played datagram opens for who holds
// its key and for nobody else.
//
// There is no goroutine, socket, file or real clock: a World with the same
// seed and commands gives the same lines.
//
// Start reading at the scripts in testdata/scenarios; script.go runs them,
// command.go lists their commands, process.go shows what a node is made of.
//
// It imports messages and everything under rendezvous.
package rendezvoustest
