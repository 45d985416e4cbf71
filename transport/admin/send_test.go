package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

func TestAFileStreamsThrough(t *testing.T) {
	file := make([]byte, 3<<20+7)
	rand.NewChaCha8([32]byte{1}).Read(file)
	digest := sha256.Sum256(file)
	client := serveFake(t, &fakeNode{send: storeAll}, false)
	result, err := client.Send(context.Background(), "bob", "song.flac", int64(len(file)), bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if result.SHA256 != hex.EncodeToString(digest[:]) || result.Bytes != uint64(len(file)) {
		t.Errorf("got %+v", result)
	}
}

func TestAnEmptyFileStreamsThrough(t *testing.T) {
	client := serveFake(t, &fakeNode{send: storeAll}, false)
	result, err := client.Send(context.Background(), "bob", "empty", 0, strings.NewReader(""))
	if err != nil || result.Bytes != 0 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestNamesOfAnyBytesArriveAsTheyAre(t *testing.T) {
	var to, name string
	client := serveFake(t, &fakeNode{send: func(_ context.Context, t, n string, _ int64, _ io.Reader) (SendResult, error) {
		to, name = t, n
		return SendResult{}, nil
	}}, false)
	for _, want := range []string{"../../etc/passwd", "a\r\nWaymeet-To: eve", "\x1b[2J", "日本", "\xff\x00", "a+b%20c", ""} {
		if _, err := client.Send(context.Background(), want, want, 1, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		if to != want || name != want {
			t.Errorf("%q arrived as %q and %q", want, to, name)
		}
	}
}

// A file that nobody wants is never read: the refusal comes first.
func TestARefusedFileIsNotRead(t *testing.T) {
	refusal := messages.Problem{Code: messages.ExitUsage, What: "no peer is named bob"}
	client := serveFake(t, &fakeNode{send: func(context.Context, string, string, int64, io.Reader) (SendResult, error) {
		return SendResult{}, refusal
	}}, false)
	file := &countingReader{from: strings.NewReader(strings.Repeat("x", 1<<20))}
	if _, err := client.Send(context.Background(), "bob", "f", 1<<20, file); err != refusal {
		t.Errorf("got %v", err)
	}
	if file.read != 0 {
		t.Errorf("%d bytes were read", file.read)
	}
}

// A peer that goes away in the middle must be told as such, not as a broken
// socket.
func TestAFailureInTheMiddleIsTold(t *testing.T) {
	failure := messages.Problem{Code: messages.ExitFailed, What: "the file did not arrive", Whose: "the peer closed the channel"}
	client := serveFake(t, &fakeNode{send: func(_ context.Context, _, _ string, _ int64, body io.Reader) (SendResult, error) {
		io.CopyN(io.Discard, body, 100_000)
		return SendResult{}, failure
	}}, false)
	for range 20 {
		file := strings.NewReader(strings.Repeat("x", 8<<20))
		if _, err := client.Send(context.Background(), "bob", "f", file.Size(), file); err != failure {
			t.Fatalf("got %v", err)
		}
	}
}

// A file that is shorter than announced is the sender's mistake, and the node
// sees an error instead of a short file.
func TestAShortFileIsNoFile(t *testing.T) {
	client := serveFake(t, &fakeNode{send: storeAll}, false)
	if _, err := client.Send(context.Background(), "bob", "f", 10, strings.NewReader("short")); err == nil {
		t.Error("a file of 5 of 10 bytes was stored")
	}
}
