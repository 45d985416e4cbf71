package waymeet_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
)

// greet is the example of the README, line by line.
func greet(ctx context.Context, dir, relayURL, ticket string) error {
	node, err := waymeet.Start(ctx, waymeet.Config{StateDir: dir, Relays: []string{relayURL}})
	if err != nil {
		return err
	}
	defer node.Stop(context.Background())

	meeting, err := node.Join(ctx, ticket) // or node.Found(ctx), then meeting.Invite(ctx, 0)
	if err != nil {
		return err
	}
	for _, peer := range meeting.Peers() {
		stream, err := peer.OpenStream(ctx, "chat/1") // waits for a channel; a stream is a net.Conn
		if err != nil {
			return err
		}
		fmt.Fprintln(stream, "hello over whatever path there is")
		io.Copy(os.Stdout, stream) // until the peer has said all
		stream.Close()
	}
	return nil
}

// One node invites, another joins and says hello. Here both are in one
// program, and so is the relay between them.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "waymeet")
	check(err)
	defer os.RemoveAll(dir)
	relay, err := waymeet.StartRelay(ctx, waymeet.RelayConfig{StateDir: filepath.Join(dir, "relay"), Listen: loopback})
	check(err)
	defer relay.Stop(ctx)
	anna, err := waymeet.Start(ctx, waymeet.Config{StateDir: filepath.Join(dir, "anna"), Relays: []string{relay.URL()}})
	check(err)
	defer anna.Stop(ctx)

	meeting, err := anna.Found(ctx)
	check(err)
	ticket, err := meeting.Invite(ctx, 0) // a secret, good for one other node
	check(err)
	events := anna.Events(ctx)
	greeted := make(chan error, 1)
	go func() { greeted <- greet(ctx, filepath.Join(dir, "ben"), relay.URL(), ticket) }()

	up := <-events
	for up.Kind != waymeet.EventChannelUp {
		up = <-events
	}
	protocol, stream, err := meeting.Peer(up.Peer).AcceptStream(ctx)
	check(err)
	line, err := bufio.NewReader(stream).ReadString('\n')
	check(err)
	fmt.Printf("ben says on %s: %s", protocol, line)
	fmt.Fprintln(stream, "anna says: hello, ben")
	stream.Close()
	check(<-greeted)
	// Output:
	// ben says on chat/1: hello over whatever path there is
	// anna says: hello, ben
}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}

// What the README shows is what runs above.
func TestReadmeShowsTheExample(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "ticket string) error {\n")
	body, _, _ = strings.Cut(body, "\treturn nil\n}\n")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if shown := strings.ReplaceAll(body, "\t", "    "); len(body) < 100 || !strings.Contains(string(readme), shown) {
		t.Errorf("the README does not show this:\n%s", shown)
	}
}
