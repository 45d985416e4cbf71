package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

func (c *command) remove() *cobra.Command {
	var request waymeet.MemberRequest
	var timeout time.Duration
	verb := &cobra.Command{
		Use:   "remove MEMBER",
		Short: "Take a member away; the others get new keys",
		Long: "Take a member away from a context: an id, a unique prefix of at least 4 characters, or a unique nickname.\n" +
			"The others get new keys, and the member's channels close. What it has read before, it keeps.\n" +
			"Only the founder of a context may remove members of it, and nobody the founder.",
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			request.Member = args[0]
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				ctx, cancel := limited(ctx, timeout)
				defer cancel()
				removed, err := client.Remove(ctx, request)
				if err != nil {
					return err
				}
				return told(c, removed.Member.String()+" is removed", "", removed, "removed %s from %s, which is in epoch %d now", removed.Member, removed.Context, removed.Epoch)
			})
		},
	}
	contextFlag(verb, &request.Context)
	timeoutFlag(verb, &timeout, 0)
	return verb
}

func (c *command) rotate() *cobra.Command {
	var request waymeet.MemberRequest
	var timeout time.Duration
	verb := &cobra.Command{
		Use:   "rotate",
		Short: "Give all members of a context new keys",
		Long:  "Give all members of a context new keys. Only its founder may.",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				ctx, cancel := limited(ctx, timeout)
				defer cancel()
				rotated, err := client.Rotate(ctx, request)
				if err != nil {
					return err
				}
				return told(c, "the keys are new", "", rotated, "%s is in epoch %d now", rotated.Context, rotated.Epoch)
			})
		},
	}
	contextFlag(verb, &request.Context)
	timeoutFlag(verb, &timeout, 0)
	return verb
}

// contextFlag lets a verb name the context that it is about.
func contextFlag(verb *cobra.Command, text *string) {
	verb.Flags().StringVar(text, "context", "", "the context: an `ID` or a unique prefix (default: the only one)")
}
