package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

func (c *command) send() *cobra.Command {
	var to string
	var timeout time.Duration
	verb := &cobra.Command{
		Use:   "send FILE --to PEER",
		Short: "Send a file; done when the peer has stored it",
		Long: "Send a file to a peer: an id, a unique prefix of at least 4 characters, or a unique nickname.\n" +
			"It goes over a context in which there is a channel to the peer, and says which.\n" +
			"It lands in the peer's received/ under its name and overwrites nothing there.",
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if to == "" {
				return usage("cannot send "+args[0], "nobody is named who gets it", "--to PEER")
			}
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				ctx, cancel := limited(ctx, timeout)
				defer cancel()
				result, err := sendFile(ctx, client, to, args[0])
				if err != nil {
					return err
				}
				return told(c, "the file is stored as "+waymeet.Printable(result.StoredAs), "", result, "sent %s to %s in %s: %d bytes in %d ms, stored as %s, sha256 %s",
					waymeet.Printable(filepath.Base(args[0])), result.Peer.Short(), result.Context.Short(), result.Bytes, result.Millis,
					waymeet.Printable(result.StoredAs), result.SHA256)
			})
		},
	}
	verb.Flags().StringVar(&to, "to", "", "the `peer` that gets it")
	timeoutFlag(verb, &timeout, 0)
	return verb
}

// sendFile streams the file to the node and compares what the peer says it
// stored with what was read.
func sendFile(ctx context.Context, client *waymeet.Client, to, path string) (waymeet.SendResult, error) {
	info, err := os.Stat(path) // before it is opened: opening a named pipe waits
	if err == nil && !info.Mode().IsRegular() {
		return waymeet.SendResult{}, usage("cannot send "+path, "it is not a regular file", "a file")
	}
	file, err := os.Open(path)
	if err == nil {
		defer file.Close()
		info, err = file.Stat()
	}
	if err != nil {
		return waymeet.SendResult{}, unreadable(path, err)
	}
	hash := sha256.New()
	result, err := client.Send(ctx, to, filepath.Base(path), info.Size(), io.TeeReader(io.LimitReader(file, info.Size()), hash))
	if err != nil {
		return result, err
	}
	if digest := hex.EncodeToString(hash.Sum(nil)); result.SHA256 != digest {
		return result, waymeet.Problem{
			Code: waymeet.ExitFailed, What: "the peer stored something else", Whose: "it has sha256 " + result.SHA256 + ", the file has " + digest,
			Hint: "again; if it stays, tell us",
		}
	}
	return result, nil
}
