package main

import "github.com/spf13/cobra"

func (c *command) completion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that lets a shell complete verbs and flags",
		Long: "Print a script that lets a shell complete verbs and flags. In bash, for this shell only:\n" +
			"source <(waymeet completion bash)",
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      cobra.MatchAll(arguments(1, 1), cobra.OnlyValidArgs),
		RunE: func(verb *cobra.Command, args []string) error {
			root := verb.Root()
			switch args[0] {
			case "zsh":
				return root.GenZshCompletion(c.out)
			case "fish":
				return root.GenFishCompletion(c.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(c.out)
			}
			return root.GenBashCompletionV2(c.out, true)
		},
	}
}
