// Package memory is a network of datagrams inside one process: hosts with
// addresses, links with delay and loss, partitions, and NATs. Sockets on it are
// ordinary net.PacketConns, so that the same mux that runs over UDP runs in
// virtual time under testing/synctest.
//
// A packet costs no timer and no goroutine: it waits in its receiver's queue,
// and the goroutine that reads the socket sleeps until it is due.
//
// It imports the standard library only. Start reading at network.go.
package memory
