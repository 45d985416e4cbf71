package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// versionAnswer is the JSON form of what version prints.
type versionAnswer struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

func (c *command) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			return say(c, versionAnswer{waymeet.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}, "%s", versionLine())
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("waymeet %s (%s %s/%s)", waymeet.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
