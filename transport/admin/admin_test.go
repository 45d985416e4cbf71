package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeNode is a Backend that remembers what it was asked. A nil function
// answers with the zero value.
type fakeNode struct {
	status messages.Status
	actors messages.ActorTree
	report ActorReport
	storm  storm
	events chan messages.Event
	facts  []messages.FactContent
	send   func(ctx context.Context, to, name string, size int64, body io.Reader) (SendResult, error)
	err    error

	mu    sync.Mutex
	asked []any
}

func (f *fakeNode) note(question any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, question)
	return f.err
}

func (f *fakeNode) Status(context.Context) (messages.Status, error) { return f.status, f.err }

func (f *fakeNode) Events(context.Context) <-chan messages.Event { return f.events }

func (f *fakeNode) Invite(_ context.Context, q InviteRequest) (string, error) {
	return "wm1-ticket", f.note(q)
}

func (f *fakeNode) Join(_ context.Context, ticket string) (JoinResult, error) {
	return JoinResult{Context: messages.ContextID{7}, Peer: messages.AuthorityID{8}}, f.note(ticket)
}

func (f *fakeNode) Remove(_ context.Context, q MemberRequest) (ContextChange, error) {
	return ContextChange{Context: messages.ContextID{7}, Member: messages.AuthorityID{9}, Epoch: 4}, f.note(q)
}

func (f *fakeNode) Rotate(_ context.Context, q MemberRequest) (ContextChange, error) {
	return ContextChange{Context: messages.ContextID{7}, Epoch: 5}, f.note(q)
}

func (f *fakeNode) Append(_ context.Context, q AppendRequest, body []byte) (AppendResult, error) {
	return AppendResult{messages.ContextID{7}, messages.FactID{6}}, errors.Join(f.note(q), f.note(string(body)))
}

// Facts gives the facts of the fake, then its error.
func (f *fakeNode) Facts(_ context.Context, q FactsRequest) (iter.Seq2[messages.FactContent, error], error) {
	if q.Context == "none" {
		return nil, f.err
	}
	err := f.note(q)
	return func(yield func(messages.FactContent, error) bool) {
		for _, fact := range f.facts {
			if !yield(fact, nil) {
				return
			}
		}
		if err != nil {
			yield(messages.FactContent{}, err)
		}
	}, nil
}

func (f *fakeNode) Send(ctx context.Context, to, name string, size int64, body io.Reader) (SendResult, error) {
	return f.send(ctx, to, name, size, body)
}

// storeAll is a Send that reads everything and says what it got.
func storeAll(_ context.Context, _, name string, _ int64, body io.Reader) (SendResult, error) {
	hash := sha256.New()
	n, err := io.Copy(hash, body)
	return SendResult{StoredAs: name, SHA256: hex.EncodeToString(hash.Sum(nil)), Bytes: uint64(n)}, err
}

// shortDir is a temporary directory whose socket path fits; t.TempDir carries
// the name of the test.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func serveFake(t *testing.T, backend Backend, unsafeDebug bool) *Client {
	t.Helper()
	dir := shortDir(t)
	server, err := ServeNode(Config{StateDir: dir, UnsafeDebug: unsafeDebug}, backend)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	return connect(t, dir)
}

func connect(t *testing.T, dir string) *Client {
	t.Helper()
	client, err := Connect(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func stop(t *testing.T, server *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}
