// Embed is a program with two nodes of its own. They meet through a relay, and
// one sends the other a line:
//
//	go run ./examples/embed "hello, anna"
//
// It is what a host program does, and no more: start reading at talk.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/waymeet/waymeet"
)

func main() {
	line := "hello, anna"
	if len(os.Args) > 1 {
		line = os.Args[1]
	}
	if err := run(os.Stdout, line); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run keeps everything in a directory that it removes, and on loopback.
func run(out io.Writer, line string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "embed")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	loopback := netip.MustParseAddrPort("127.0.0.1:0")
	relay, err := waymeet.StartRelay(ctx, waymeet.RelayConfig{StateDir: filepath.Join(dir, "relay"), Listen: loopback})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, relay.Stop(ctx)) }()
	var nodes [2]*waymeet.Node
	for i, name := range []string{"anna", "ben"} {
		nodes[i], err = waymeet.Start(ctx, waymeet.Config{
			StateDir: filepath.Join(dir, name), Listen: loopback, Relays: []string{relay.URL()}, Nickname: name,
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, nodes[i].Stop(ctx)) }()
	}
	return talk(ctx, out, nodes[0], nodes[1], line)
}

// talk founds a context at anna, lets ben join it, and sends the line from ben
// to anna.
func talk(ctx context.Context, out io.Writer, anna, ben *waymeet.Node, line string) error {
	family, err := anna.Found(ctx)
	if err != nil {
		return err
	}
	ticket, err := family.Invite(ctx, 0)
	if err != nil {
		return err
	}
	// The ticket is a secret, and good for one: hand it over as you would a key.
	joined, err := ben.Join(ctx, ticket)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ben joined %s\n", joined.ID())

	heard := make(chan error, 1)
	go func() { heard <- listen(ctx, out, family.Peer(ben.Authority())) }()
	stream, err := joined.Peer(anna.Authority()).OpenStream(ctx, "line/1")
	if err != nil {
		return err
	}
	defer stream.Close()
	if _, err := fmt.Fprintln(stream, line); err != nil {
		return err
	}
	return <-heard
}

// listen prints the line that the peer sends.
func listen(ctx context.Context, out io.Writer, peer waymeet.Peer) error {
	_, stream, err := peer.AcceptStream(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	line, err := bufio.NewReader(stream).ReadString('\n')
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "anna heard: %s", line)
	return err
}
