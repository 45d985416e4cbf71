package main

import (
	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

func (c *command) id() *cobra.Command {
	return &cobra.Command{
		Use:   "id",
		Short: "Print this node's authority id; it need not run",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := c.state()
			if err != nil {
				return err
			}
			id, err := waymeet.Identity(dir)
			if err != nil {
				return failed("no identity", err, "another --state")
			}
			return say(c, struct {
				Authority waymeet.AuthorityID `json:"authority"`
			}{id}, "%s", id)
		},
	}
}
