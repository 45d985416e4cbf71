package main

import (
	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// idAnswer is the JSON form of what id prints.
type idAnswer struct {
	Authority waymeet.AuthorityID `json:"authority"`
}

func (c *command) id() *cobra.Command {
	return &cobra.Command{
		Use:   "id",
		Short: "Print the authority id of a node that has run here; it need not run now",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			dir, err := c.state()
			if err != nil {
				return err
			}
			id, err := waymeet.Identity(dir)
			if err != nil {
				return failed("no identity", err, "another --state")
			}
			return say(c, idAnswer{id}, "%s", id)
		},
	}
}
