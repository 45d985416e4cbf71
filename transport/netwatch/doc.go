// Package netwatch tells when the network of this machine changes: an
// interface, an address, the default route, or a sleep from which it woke
// (SPEC 10.9). It does not debounce and counts no generations: the
// NetworkActor does.
//
// It imports the standard library and golang.org/x/sys. On Linux the kernel
// wakes it; everywhere it also looks every two seconds, so that a notification
// that is lost, or a system that gives none, costs two seconds and no more.
//
// Start reading at watch.go; snapshot.go says what is looked at.
package netwatch
