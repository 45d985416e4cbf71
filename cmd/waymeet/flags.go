package main

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// number is a flag that counts something. What is none of its numbers is refused
// in plain words.
type number[N ~uint16 | ~uint64] struct{ to *N }

// Set implements pflag.Value.
func (n number[N]) Set(text string) error {
	bits := reflect.TypeFor[N]().Bits()
	value, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return fmt.Errorf("it is not a number from 0 to %d", ^uint64(0)>>(64-bits))
	}
	*n.to = N(value)
	return nil
}

// String implements pflag.Value.
func (n number[N]) String() string {
	if n.to == nil {
		return "0"
	}
	return strconv.FormatUint(uint64(*n.to), 10)
}

// Type implements pflag.Value.
func (number[N]) Type() string { return "number" }

// limit is a flag that says how long something may take or last.
type limit struct{ to *time.Duration }

// Set implements pflag.Value.
func (l limit) Set(text string) error {
	value, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return errors.New("it is not a time such as 90s or 10m")
	case value < 0:
		return errors.New("a time limit is not below 0")
	}
	*l.to = value
	return nil
}

// String implements pflag.Value.
func (l limit) String() string {
	if l.to == nil || *l.to == 0 {
		return "0" // which help does not name as the default
	}
	return l.to.String()
}

// Type implements pflag.Value.
func (limit) Type() string { return "duration" }

// timeoutFlag lets a verb give up.
func timeoutFlag(verb *cobra.Command, to *time.Duration, unless time.Duration) {
	*to = unless
	verb.Flags().Var(limit{to}, "timeout", "give up after this long; 0 waits for as long as the node does")
}

// arguments refuses what is not the form of a verb.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("the form is %q, and the number of arguments is %d", cmd.Parent().CommandPath()+" "+cmd.Use, len(args))
		}
		return nil
	}
}

// noArguments refuses what follows a verb that takes flags alone.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument, and %q is one", cmd.CommandPath(), args[0])
	}
	return nil
}
