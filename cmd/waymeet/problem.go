package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waymeet/waymeet"
)

// exit prints the error, if there is one, on one line and returns the exit
// code.
func (c *command) exit(err error, args []string) int {
	if err == nil {
		return int(waymeet.ExitDone)
	}
	problem := waymeet.Problem{Code: waymeet.ExitFailed, What: err.Error()} // of an error that says no more
	errors.As(err, &problem)
	if c.json || asksForJSON(args) {
		json.NewEncoder(c.err).Encode(problem)
	} else {
		fmt.Fprintf(c.err, "waymeet: %s\n", oneLine(problem))
	}
	return int(problem.Code)
}

// oneLine is the problem on one line that is safe for a terminal, whatever a
// peer or a file name put into it.
func oneLine(problem waymeet.Problem) string {
	return waymeet.Printable(strings.TrimSpace(problem.Error()))
}

// asksForJSON finds the flag also where the rest of the line is not
// understood.
func asksForJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json")
}

// failed is an error of the system as a Problem.
func failed(what string, err error, hint string) error {
	var problem waymeet.Problem
	if errors.As(err, &problem) {
		return problem
	}
	return waymeet.Problem{Code: waymeet.ExitFailed, What: what, Whose: err.Error(), Hint: hint}
}

// usage is a mistake in the command line.
func usage(what, whose, hint string) error {
	return waymeet.Problem{Code: waymeet.ExitUsage, What: what, Whose: whose, Hint: hint}
}
