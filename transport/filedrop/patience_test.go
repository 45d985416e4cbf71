package filedrop

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Whoever stays silent, before its offer or in the middle of a file, is given
// up, and its place is free again.
func TestSilenceIsGivenUp(t *testing.T) {
	offer := messages.AppendFileFrame(nil, messages.FileOffer{Name: "a", Size: 10})
	for name, sent := range map[string][]byte{
		"before the offer": nil, "in the offer": offer[:3], "before the content": offer, "in the content": append(offer, 'x'),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inbox, directory := openInbox(t, Limits{})
				here, there := net.Pipe()
				var drain sync.WaitGroup
				drain.Go(func() {
					here.Write(sent)
					io.Copy(io.Discard, here)
				})
				begun := time.Now()
				_, err := inbox.Receive(context.Background(), "peer", pipe{there})
				if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, ErrBroken) || took != 30*time.Second {
					t.Errorf("after %v: %v", took, err)
				}
				drain.Wait()
				if inbox.all != (share{}) || !slices.Equal(files(t, directory), empty) {
					t.Errorf("left: %+v, %v", inbox.all, files(t, directory))
				}
			})
		})
	}
}

// pipe is an end of a net.Pipe, which has no halves to close.
type pipe struct{ net.Conn }

func (p pipe) CloseWrite() error { return p.Close() }
