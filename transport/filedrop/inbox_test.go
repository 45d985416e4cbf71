package filedrop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

func openInbox(t *testing.T, limits Limits) (*Inbox, string) {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "received")
	inbox, err := OpenInbox(directory, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inbox.Close() })
	return inbox, directory
}

// result is how a transfer ended at both ends.
type result struct {
	sent     Sent
	sendErr  error
	received Received
	err      error
}

func transfer(inbox *Inbox, file Outgoing) (r result) {
	here, there := newStreams()
	var both sync.WaitGroup
	both.Go(func() { r.received, r.err = inbox.Receive(context.Background(), "peer", there) })
	r.sent, r.sendErr = Send(context.Background(), here, file)
	both.Wait()
	return r
}

func content(size int) []byte {
	b := make([]byte, size)
	for n := range b {
		b[n] = byte(n * 7)
	}
	return b
}

func outgoing(name string, b []byte) Outgoing {
	return Outgoing{Name: name, Size: uint64(len(b)), Content: bytes.NewReader(b)}
}

// files are the paths below the directory, folders with a slash.
func files(t *testing.T, directory string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(directory, path)
		if d.IsDir() {
			name += "/"
		}
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// empty are the paths of an inbox that holds nothing.
var empty = []string{"./", ".part/"}

func TestFileArrivesAsItWasSent(t *testing.T) {
	inbox, directory := openInbox(t, Limits{})
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 1<<20 + 7} {
		want := content(size)
		file := outgoing("a.bin", want)
		var progress uint64
		file.Progress = func(done uint64) { progress = done }
		r := transfer(inbox, file)
		if r.sendErr != nil || r.err != nil {
			t.Fatalf("%d bytes: %v, %v", size, r.sendErr, r.err)
		}
		if r.sent.Hash != sha256.Sum256(want) || r.received.Hash != r.sent.Hash || r.sent.Name != r.received.Name ||
			r.sent.Size != uint64(size) || progress != uint64(size) {
			t.Errorf("%d bytes: %+v, progress %d", size, r, progress)
		}
		path := filepath.Join(directory, r.received.Name)
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read back %d, %v", size, len(got), err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	if left := files(t, filepath.Join(directory, ".part")); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

// docs/wire.md: "Files from peers": "linked, without overwriting, into
// `received/`: as `name.ext`, `name (2).ext`".
func TestNothingIsEverReplaced(t *testing.T) {
	inbox, directory := openInbox(t, Limits{})
	outside := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(directory, "link.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(directory, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ name, stored string }{
		{"a.txt", "a.txt"}, {"a.txt", "a (2).txt"}, {"a.txt", "a (3).txt"}, {"a (2).txt", "a (2) (2).txt"},
		{"link.txt", "link (2).txt"}, {"folder", "folder (2)"},
	} {
		if r := transfer(inbox, outgoing(want.name, []byte(want.stored))); r.received.Name != want.stored || r.sent.Name != want.stored {
			t.Errorf("%+v, want %q", r, want.stored)
		}
		if got, err := os.ReadFile(filepath.Join(directory, want.stored)); string(got) != want.stored {
			t.Errorf("%q holds %q, %v", want.stored, got, err)
		}
	}
	if got, err := os.ReadFile(outside); string(got) != "precious" {
		t.Errorf("outside: %q, %v", got, err)
	}
}

func TestManyFilesOfOneNameAtOnce(t *testing.T) {
	const many = 12
	inbox, directory := openInbox(t, Limits{MaxPerSender: many})
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			if r := transfer(inbox, outgoing("same.bin", content(chunk+n))); r.sendErr != nil || r.err != nil || r.sent.Hash != sha256.Sum256(content(chunk+n)) {
				t.Errorf("%+v", r)
			}
		})
	}
	all.Wait()
	sizes := map[int]bool{}
	for _, name := range files(t, directory) {
		if strings.HasPrefix(name, "same") {
			b, err := os.ReadFile(filepath.Join(directory, name))
			if err != nil || !bytes.Equal(b, content(len(b))) {
				t.Errorf("%s: %v", name, err)
			}
			sizes[len(b)] = true
		}
	}
	if len(sizes) != many {
		t.Errorf("%d different files arrived, want %d", len(sizes), many)
	}
	if inbox.all != (share{}) || len(inbox.of) != 0 {
		t.Errorf("%+v under way, of %v", inbox.all, inbox.of)
	}
}

// refused plays a sender who writes these bytes, and tells how it ended.
func refused(t *testing.T, inbox *Inbox, sent []byte) (told messages.FileRefusal, err error) {
	t.Helper()
	here, there := newStreams()
	var both sync.WaitGroup
	both.Go(func() {
		here.Write(sent)
		here.CloseWrite()
		for {
			frame, err := messages.ReadFileFrame(here)
			if err != nil {
				return
			}
			if r, ok := frame.(messages.FileRefused); ok {
				told = r.Reason
			}
		}
	})
	_, err = inbox.Receive(context.Background(), "peer", there)
	both.Wait()
	return told, err
}

func TestHostileNamesLeaveNothing(t *testing.T) {
	inbox, directory := openInbox(t, Limits{})
	for what, name := range hostile {
		frame := messages.AppendFileFrame(nil, messages.FileOffer{Name: name, Size: 1})
		told, err := refused(t, inbox, append(frame, 'x'))
		var because *RefusedError
		if !errors.As(err, &because) || because.ByPeer || because.Reason != told ||
			told != messages.FileNameBad && told != messages.FileMalformed {
			t.Errorf("%s: told %v, got %v", what, told, err)
			continue
		}
		if strings.ContainsFunc(err.Error(), isControl) {
			t.Errorf("%s: the error would reach the terminal as %q", what, err)
		}
	}
	if got := files(t, directory); !slices.Equal(got, empty) {
		t.Errorf("left over: %v", got)
	}
}

func TestStreamThatBreaksAnywhereLeavesNothing(t *testing.T) {
	inbox, directory := openInbox(t, Limits{})
	all := append(messages.AppendFileFrame(nil, messages.FileOffer{Name: "a.bin", Size: 300}), content(300)...)
	for cut := range all {
		if told, err := refused(t, inbox, all[:cut]); !errors.Is(err, ErrBroken) || told != 0 {
			t.Fatalf("after %d bytes: %v, told %v", cut, err, told)
		}
	}
	if got := files(t, directory); !slices.Equal(got, empty) {
		t.Errorf("left over: %v", got)
	}
	if _, err := refused(t, inbox, all); err != nil {
		t.Errorf("the whole: %v", err)
	}
}

func TestFileIsRefusedWhen(t *testing.T) {
	offer := func(size uint64, b ...byte) []byte {
		return append(messages.AppendFileFrame(nil, messages.FileOffer{Name: "a.bin", Size: size}), b...)
	}
	tests := map[string]struct {
		limits Limits
		sent   []byte
		want   messages.FileRefusal
	}{
		"it is larger than we take":        {Limits{MaxSize: 9}, offer(10), messages.FileTooLarge},
		"it is larger than any file":       {Limits{}, offer(1 << 63), messages.FileTooLarge},
		"the disk has no room":             {Limits{}, offer(1 << 62), messages.FileNoSpace},
		"the disk would have none left":    {Limits{Reserve: 1 << 62}, offer(1), messages.FileNoSpace},
		"the reserve is absurd":            {Limits{Reserve: 1<<64 - 1}, offer(1), messages.FileNoSpace},
		"more comes than was announced":    {Limits{}, offer(1, 'a', 'b'), messages.FileMalformed},
		"something comes for nothing":      {Limits{}, offer(0, 'a'), messages.FileMalformed},
		"it begins with another frame":     {Limits{}, messages.AppendFileFrame(nil, messages.FileAccepted{}), messages.FileMalformed},
		"it begins with something else":    {Limits{}, []byte{0, 0, 0, 2, 1, 0xff}, messages.FileMalformed},
		"the first frame has no end":       {Limits{}, []byte{0xff, 0xff, 0xff, 0xff}, messages.FileMalformed},
		"no file may be under way at once": {Limits{MaxAtOnce: -1}, offer(1, 'a'), messages.FileBusy},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inbox, directory := openInbox(t, test.limits)
			told, err := refused(t, inbox, test.sent)
			var because *RefusedError
			if !errors.As(err, &because) || because.Reason != test.want || told != test.want {
				t.Errorf("told %v, got %v, want %v", told, err, test.want)
			}
			if got := files(t, directory); !slices.Equal(got, empty) {
				t.Errorf("left over: %v", got)
			}
			if inbox.all != (share{}) || len(inbox.of) != 0 {
				t.Errorf("%+v under way, of %v", inbox.all, inbox.of)
			}
		})
	}
}

func TestDiskThatFailsIsNobodysFault(t *testing.T) {
	inbox, directory := openInbox(t, Limits{})
	if err := os.Remove(filepath.Join(directory, ".part")); err != nil {
		t.Fatal(err)
	}
	r := transfer(inbox, outgoing("a", content(10)))
	var here, there *RefusedError
	if !errors.As(r.err, &here) || here.Reason != messages.FileNotStored || here.Err == nil {
		t.Errorf("receiver: %v", r.err)
	}
	if !errors.As(r.sendErr, &there) || there.Reason != messages.FileNotStored || !there.ByPeer {
		t.Errorf("sender: %v", r.sendErr)
	}

	inbox, _ = openInbox(t, Limits{})
	inbox.free = func() (uint64, error) { return 0, errors.New("no idea") }
	if r := transfer(inbox, outgoing("a", nil)); !errors.As(r.err, &here) || here.Reason != messages.FileNotStored {
		t.Errorf("free space unknown: %v", r.err)
	}
}

func TestInboxRemovesWhatWasLeftHalfDone(t *testing.T) {
	_, directory := openInbox(t, Limits{})
	outside := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(directory, ".part")
	if err := os.WriteFile(filepath.Join(part, "1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := OpenInbox(directory, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if got := files(t, directory); !slices.Equal(got, empty) {
		t.Errorf("left over: %v", got)
	}

	// A link in place of the folder is removed, not followed.
	if err := os.Remove(part); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), part); err != nil {
		t.Fatal(err)
	}
	if again, err = OpenInbox(directory, Limits{}); err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("outside: %v", err)
	}
}

func TestInboxNeedsAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenInbox(file, Limits{}); err == nil {
		t.Error("a file was opened as a folder")
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	inbox, directory := openInbox(t, Limits{})
	here, there := newStreams()
	ctx, cancel := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() {
		here.Write(messages.AppendFileFrame(nil, messages.FileOffer{Name: "a", Size: 10}))
		messages.ReadFileFrame(here)
		here.Write([]byte("half"))
		cancel()
	})
	if _, err := inbox.Receive(ctx, "peer", there); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	both.Wait()
	if got := files(t, directory); !slices.Equal(got, empty) {
		t.Errorf("left over: %v", got)
	}
}
