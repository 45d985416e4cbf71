package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

var (
	directive = regexp.MustCompile(`(?m)^([A-Za-z_]+)=(.*)$`)
	variable  = regexp.MustCompile(`\$([A-Z_]+)$`)
)

// Each unit of deploy/ starts the program with a command line that it understands,
// with and without the options of its .env file, keeps its state where systemd
// makes it a directory, and starts nothing again that will fail again.
func TestUnitsStartTheProgram(t *testing.T) {
	units, err := filepath.Glob("../../deploy/*.service")
	if err != nil || len(units) != 2 {
		t.Fatalf("deploy/ has the units %v, %v", units, err)
	}
	for _, file := range units {
		unit := directives(t, file)
		name := strings.TrimSuffix(filepath.Base(file), ".service")
		program, line, _ := strings.Cut(unit["ExecStart"], " ")
		if program != "/usr/local/bin/waymeet" {
			t.Errorf("%s starts %s", name, program)
		}
		if state := "--state %S/" + unit["StateDirectory"] + " "; !strings.Contains(line, state) || unit["StateDirectoryMode"] != "0700" {
			t.Errorf("%s: %q does not keep its state in its StateDirectory", name, line)
		}
		if want := fmt.Sprintf("%d %d", waymeet.ExitUsage, waymeet.ExitNoNode); unit["RestartPreventExitStatus"] != want || unit["Restart"] != "on-failure" {
			t.Errorf("%s starts again after %q but %q, want on-failure but %q", name, unit["Restart"], unit["RestartPreventExitStatus"], want)
		}
		options := variable.FindStringSubmatch(line)
		if options == nil || unit["EnvironmentFile"] != "-/etc/waymeet/"+name+".env" {
			t.Fatalf("%s: %q has no options of a file", name, line)
		}
		line = strings.TrimSuffix(line, options[0])
		given := directives(t, "../../deploy/"+name+".env")[options[1]]
		if given == "" {
			t.Errorf("%s.env does not set %s", name, options[1])
		}
		for _, line := range []string{line, line + given} {
			if err := understood(strings.Fields(line)); err != nil {
				t.Errorf("%s: waymeet %s: %v", name, line, err)
			}
		}
	}
}

// directives are the lines NAME=VALUE of a file.
func directives(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, line := range directive.FindAllStringSubmatch(string(text), -1) {
		values[line[1]] = line[2]
	}
	return values
}
