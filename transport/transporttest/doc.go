// Package transporttest holds what the tests of several transport packages
// share: sockets over loopback or memory with a log of what happened at them,
// links between two of them with keys installed by hand instead of Noise, and a
// tiny relay that forwards hop datagrams.
//
// It imports the transport packages and testing. Start reading at end.go.
package transporttest
