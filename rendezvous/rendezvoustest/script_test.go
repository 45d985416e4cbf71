package rendezvoustest_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/google/go-cmp/cmp"

	"github.com/waymeet/waymeet/rendezvous/rendezvoustest"
)

var update = flag.Bool("update", false, "record what the scripts lead to now")

// scenarios is where the scripts are.
const scenarios = "../../testdata/scenarios"

// seed is that of the worlds in which the scripts are played.
const seed = 1

// Every line of every script is what its commands lead to.
func TestScenarios(t *testing.T) {
	for _, file := range files(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			recorded, script := read(t, file)
			played := play(t, script, rendezvoustest.New(seed)).String()
			if *update {
				if err := os.WriteFile(file, []byte(played), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(recorded, played); diff != "" {
				t.Errorf("the commands lead to something else now (-recorded +now); if that is right, run with -update:\n%s", diff)
			}
		})
	}
}

// files are all scripts.
func files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(scenarios, "*.txt"))
	if err != nil || len(files) < 5 {
		t.Fatalf("only %d scripts: %v", len(files), err)
	}
	return files
}

func read(t *testing.T, file string) (string, rendezvoustest.Script) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	script, err := rendezvoustest.ParseScript(string(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return string(text), script
}

// play plays a script. HPKE draws its randomness from the system: for the time
// of the test that has a seed too.
func play(t *testing.T, script rendezvoustest.Script, world *rendezvoustest.World) rendezvoustest.Script {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	played, err := script.Play(world)
	if err != nil {
		t.Fatal(err)
	}
	return played
}

// The same seed gives the same lines, and none of them is taken from the
// recorded ones.
func TestSameSeedSameLines(t *testing.T) {
	const other = seed + 6
	for _, file := range files(t) {
		recorded, script := read(t, file)
		first := play(t, script, rendezvoustest.New(other)).String()
		bare, err := rendezvoustest.ParseScript(withoutOutput(recorded))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, play(t, bare, rendezvoustest.New(other)).String()); diff != "" {
			t.Errorf("%s differs (-first +again):\n%s", file, diff)
		}
	}
}

// withoutOutput is a script of which nothing was recorded.
func withoutOutput(text string) string {
	var bare []string
	inOutput := false
	for _, line := range strings.Split(text, "\n") {
		inOutput = inOutput && line != ""
		if !inOutput {
			bare = append(bare, line)
		}
		inOutput = inOutput || line == "----"
	}
	return strings.Join(bare, "\n")
}

// What is no script is not run.
func TestParseScriptRefuses(t *testing.T) {
	for text, words := range map[string]string{
		"----\n":                    "line 1: a rule without commands",
		"relay r\n":                 "the last commands have no rule",
		"relay r\n\nnode a\n----\n": "line 2: commands without a rule",
	} {
		if _, err := rendezvoustest.ParseScript(text); err == nil || err.Error() != words {
			t.Errorf("%q: %v, want %s", text, err, words)
		}
	}
}

// A command that cannot be run ends the script with its reason.
func TestPlayRefuses(t *testing.T) {
	for line, words := range map[string]string{
		"dance":               "there is no such command",
		"advance":             "it takes DURATION",
		"advance soon":        "invalid duration",
		"node a relay=s":      "relay=s makes no sense here",
		"found nobody home":   "no node nobody runs",
		"quietly found a b c": "it takes NODE CONTEXT",
	} {
		script, err := rendezvoustest.ParseScript(line + "\n----\n")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := script.Play(rendezvoustest.New(seed)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %s", line, err, words)
		}
	}
}
