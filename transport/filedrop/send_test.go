package filedrop

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// sendTo sends ten bytes to a receiver who answers with these frames, one to
// the offer and one to the content, and tells what it was sent.
func sendTo(t *testing.T, answers ...messages.FileFrame) (Sent, error) {
	t.Helper()
	here, there := newStreams()
	var both sync.WaitGroup
	both.Go(func() {
		messages.ReadFileFrame(there)
		for n, answer := range answers {
			if n == 1 {
				io.ReadAll(there)
			}
			there.Write(messages.AppendFileFrame(nil, answer))
		}
		there.CloseWrite()
	})
	sent, err := Send(context.Background(), here, outgoing("a.txt", content(10)))
	both.Wait()
	return sent, err
}

func TestSenderChecksTheAcknowledgement(t *testing.T) {
	good := messages.FileStored{Hash: sha256.Sum256(content(10)), Name: "a (2).txt"}
	if sent, err := sendTo(t, messages.FileAccepted{}, good); err != nil || sent.Name != "a (2).txt" || sent.Hash != good.Hash {
		t.Errorf("%+v, %v", sent, err)
	}
	other, hostile := good, good
	other.Hash[0]++
	hostile.Name = "../\x1b[2J"
	tests := map[string]struct {
		answers []messages.FileFrame
		want    error
	}{
		"it is of other bytes":             {[]messages.FileFrame{messages.FileAccepted{}, other}, ErrHash},
		"it names a path":                  {[]messages.FileFrame{messages.FileAccepted{}, hostile}, ErrBroken},
		"it is no acknowledgement":         {[]messages.FileFrame{messages.FileAccepted{}, messages.FileAccepted{}}, ErrBroken},
		"it comes before the content":      {[]messages.FileFrame{good}, ErrBroken},
		"it never comes":                   {[]messages.FileFrame{messages.FileAccepted{}}, ErrBroken},
		"the offer gets no answer":         {nil, ErrBroken},
		"the offer is answered with offer": {[]messages.FileFrame{messages.FileOffer{}}, ErrBroken},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := sendTo(t, test.answers...); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestSenderHearsWhyItWasRefused(t *testing.T) {
	for _, answers := range [][]messages.FileFrame{
		{messages.FileRefused{Reason: messages.FileNoSpace}},
		{messages.FileAccepted{}, messages.FileRefused{Reason: messages.FileNoSpace}},
	} {
		_, err := sendTo(t, answers...)
		var because *RefusedError
		if !errors.As(err, &because) || !because.ByPeer || because.Reason != messages.FileNoSpace {
			t.Errorf("got %v", err)
		}
		if want := `the peer refused "a.txt": no space left`; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

// A receiver whose disk fails stops reading, and still says why.
func TestSenderHearsWhyItWasStopped(t *testing.T) {
	here, there := newStreams()
	var both sync.WaitGroup
	both.Go(func() {
		messages.ReadFileFrame(there)
		there.Write(messages.AppendFileFrame(nil, messages.FileAccepted{}))
		io.ReadFull(there, make([]byte, 1000))
		there.Write(messages.AppendFileFrame(nil, messages.FileRefused{Reason: messages.FileNotStored}))
		there.Close()
	})
	_, err := Send(context.Background(), here, outgoing("a", content(4*window)))
	both.Wait()
	var because *RefusedError
	if !errors.As(err, &because) || because.Reason != messages.FileNotStored {
		t.Errorf("got %v", err)
	}
}

func TestFileThatShrinksIsNotStored(t *testing.T) {
	inbox, directory := openInbox(t, Limits{})
	file := outgoing("a", content(10))
	file.Size = 11
	r := transfer(inbox, file)
	if !errors.Is(r.sendErr, ErrChanged) || !errors.Is(r.err, ErrBroken) {
		t.Errorf("%v, %v", r.sendErr, r.err)
	}
	if got := files(t, directory); !slices.Equal(got, empty) {
		t.Errorf("left over: %v", got)
	}
}

func TestFileThatGrowsIsSentAsAnnounced(t *testing.T) {
	inbox, _ := openInbox(t, Limits{})
	file := outgoing("a", content(20))
	file.Size = 10
	if r := transfer(inbox, file); r.sent.Hash != sha256.Sum256(content(10)) {
		t.Errorf("%+v", r)
	}
}

func TestSenderKeepsTheRuleForNames(t *testing.T) {
	here, there := newStreams()
	_, err := Send(context.Background(), here, outgoing("../a", nil))
	if !errors.Is(err, ErrName) || strings.Contains(err.Error(), "..") {
		t.Errorf("got %v", err)
	}
	if b, _ := io.ReadAll(there); len(b) > 0 {
		t.Errorf("sent %q", b)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	here, _ := newStreams()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Send(ctx, here, outgoing("a", content(10))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// FuzzReceive: whatever a peer writes, there is a typed end, and nothing but
// complete files with allowed names.
func FuzzReceive(f *testing.F) {
	f.Add(append(messages.AppendFileFrame(nil, messages.FileOffer{Name: "a.bin", Size: 3}), "abc"...))
	f.Add(messages.AppendFileFrame(nil, messages.FileOffer{Name: "../a", Size: 3}))
	f.Add(messages.AppendFileFrame(nil, messages.FileRefused{Reason: 1}))
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		inbox, directory := openInbox(t, Limits{})
		told, err := refused(t, inbox, b)
		var because *RefusedError
		if err != nil && !errors.As(err, &because) && !errors.Is(err, ErrBroken) || because != nil && told != because.Reason {
			t.Errorf("told %v, got %v", told, err)
		}
		got := files(t, directory)
		if err != nil && !slices.Equal(got, empty) || err == nil && len(got) != 3 {
			t.Errorf("%v, and %q", err, got)
		}
	})
}
