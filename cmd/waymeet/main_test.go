package main

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"waymeet": main, "stormnode": stormNodeMain})
}

const (
	// patience bounds whatever a test waits for. Nothing is timed by it.
	patience = 30 * time.Second
	// scriptLimit ends a script that hangs.
	scriptLimit = 8 * time.Minute
)

// The scripts are the manual: testdata/script says what each verb does.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:      "testdata/script",
		Deadline: time.Now().Add(scriptLimit),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "start": start, "end": end, "until": until, "hurt": hurt, "documented": documented,
		},
		Setup: func(env *testscript.Env) error {
			env.Values[started{}] = map[string]*process{}
			env.Setenv("GORACE", "atexit_sleep_ms=100") // a second at the end of every verb is too much
			return nil
		},
	})
}

// exits CODE COMMAND…: the command ends with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts, args[1:]); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// exitCode runs a command; the script can look at what it printed.
func exitCode(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// start NAME VERB ARG…: runs waymeet in the background. When it has printed
// the line that starts with the verb, the rest of that line is in $NAME.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME VERB [ARG…]")
	}
	program, err := exec.LookPath(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "waymeet"))
	ts.Check(err)
	p, err := startProcess(context.Background(), program, ts.Getenv("WORK"), args[0], args[1]+" ", args[1:]...)
	if err != nil {
		ts.Logf("%s", ts.ReadFile(args[0]+".log"))
		ts.Check(err)
	}
	ts.Setenv(args[0], p.ready)
	ts.Defer(func() {
		if p.alive() == nil {
			p.kill()
		}
	})
	processes(ts)[args[0]] = p
}

// started is the key of a script's processes, by name.
type started struct{}

func processes(ts *testscript.TestScript) map[string]*process {
	return ts.Value(started{}).(map[string]*process)
}

// end NAME…: SIGTERM ends each of them, with exit code 0.
func end(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		_, err := processes(ts)[name].terminate(patience)
		ts.Check(err)
	}
}

// hurt NAME CODE ACTOR: kills an actor of a node whenever it lives, until the
// node has ended by itself, with that exit code.
func hurt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: hurt NAME CODE ACTOR")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	p := processes(ts)[args[0]]
	for deadline := time.Now().Add(patience); p.alive() == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%s still runs", args[0])
		}
		exitCode(ts, []string{"waymeet", "debug", "kill", args[2], "--state", args[0]})
	}
	if code := p.cmd.ProcessState.ExitCode(); code != want {
		ts.Fatalf("%s ended with exit code %d, want %d:\n%s", args[0], code, want, tail(ts.ReadFile(args[0]+".log"), 8000))
	}
}

// until REGEXP COMMAND…: runs the command again and again until its output
// matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND [ARG…]")
	}
	wanted := regexp.MustCompile("(?m)" + args[0])
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if exitCode(ts, args[1:]) == 0 && wanted.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	for name := range processes(ts) {
		ts.Logf("%s said:\n%s", name, tail(ts.ReadFile(name+".log"), 8000))
	}
	ts.Fatalf("%q did not come", args[0])
}

// documented SECTION: what the last command printed is, line by line, the object
// that the section of docs/cli.md explains.
func documented(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: documented SECTION")
	}
	reference, err := readReference()
	ts.Check(err)
	for _, complaint := range reference.contradicts(strings.Join(args, " "), ts.ReadFile("stdout")) {
		ts.Fatalf("docs/cli.md: %s", complaint)
	}
}

// tail is the end of a text.
func tail(text string, length int) string { return text[max(0, len(text)-length):] }
