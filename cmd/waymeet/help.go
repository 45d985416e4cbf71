package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// usageForm is how help shows what a verb takes.
const usageForm = `Usage:
  {{.UseLine}}{{if .HasAvailableSubCommands}}

Verbs:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every verb:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

"{{.CommandPath}} VERB --help" says more of one.{{end}}
`

// nearEnough is by how many letters a word may miss the verb that it may have meant.
const nearEnough = 2

// group makes a verb that holds others, and without one of them shows which there are.
func group(verb *cobra.Command, verbs ...*cobra.Command) *cobra.Command {
	verb.Args = noVerb
	verb.RunE = func(verb *cobra.Command, _ []string) error { return verb.Help() }
	verb.SuggestionsMinimumDistance = nearEnough
	verb.AddCommand(verbs...)
	return verb
}

// help is --help as a verb. cobra's own does not fail.
func (c *command) help() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB [VERB]]",
		Short: "Say what a verb does and which flags it takes, as --help does",
		Args:  cobra.ArbitraryArgs,
		RunE: func(help *cobra.Command, words []string) error {
			verb, rest, err := help.Root().Find(words)
			if err == nil {
				err = noVerb(verb, rest)
			}
			if err != nil {
				return err
			}
			return verb.Help()
		},
	}
}

// noVerb refuses words that name no verb below this one.
func noVerb(verb *cobra.Command, words []string) error {
	if len(words) == 0 {
		return nil
	}
	names := append(strings.Fields(verb.CommandPath()), words[0])[1:]
	err := misread(verb, fmt.Errorf("there is no verb %q", strings.Join(names, " ")))
	if near := verb.SuggestionsFor(words[0]); words[0] != "" && len(near) == 1 {
		err.Hint = verb.CommandPath() + " " + near[0]
	}
	return err
}

// misread is what cannot be understood of a command line, and where it is said how
// the verb is used.
func misread(verb *cobra.Command, err error) waymeet.Problem {
	hint := verb.Root().Name() + " help" + strings.TrimPrefix(verb.CommandPath(), verb.Root().Name())
	return waymeet.Problem{Code: waymeet.ExitUsage, What: "the command line is not understood", Whose: err.Error(), Hint: hint}
}

// flagError leaves out what Go's functions call themselves.
func flagError(_ *cobra.Command, err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) {
		return errors.New(strings.TrimSuffix(err.Error(), ": "+number.Error()))
	}
	return err
}
