package actorstest_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/actors/actorstest"
)

var everyPair = flag.Bool("every-pair", false, "kill at every pair of points, not at a sample of them")

const (
	// pairedPoints are the points of which all pairs are tried.
	pairedPoints = 300
	// samplePairs is how many pairs a test tries that was not asked for all.
	samplePairs = 2000
)

// While two members make their channel somebody dies at any one point, and at
// any two of the first 300: it always ends well.
func TestEveryPairOfKills(t *testing.T) {
	singles, pairs, bad := 0, 0, 0
	began := time.Now()
	inShards(t, "TestPairShard", func(line string) {
		switch {
		case line == "pairs: single":
			singles++
		case line == "pairs: pair":
			pairs++
		case strings.HasPrefix(line, violation):
			bad++
			t.Error(line)
		}
	}, fmt.Sprintf("-every-pair=%v", *everyPair), fmt.Sprintf("-test.short=%v", testing.Short()))
	want := pairedPoints * (pairedPoints - 1) / 2
	if !*everyPair {
		want = samplePairs
	}
	if testing.Short() {
		want = samplePairs / 40
	}
	fmt.Printf("pairs: points=%d pairs=%d violations=%d seconds=%.0f\n", singles, pairs, bad, time.Since(began).Seconds())
	if singles < pairedPoints/spreadSingles() || pairs != want || bad > 0 {
		t.Errorf("of %d pairs", want)
	}
}

// TestPairShard plays the part of one process.
func TestPairShard(t *testing.T) {
	i, n, ok := part()
	if !ok {
		return // TestEveryPairOfKills starts it
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	m, err := actorstest.NewMeeting(1, func() { reseed(t, 1) })
	if err != nil {
		t.Fatal(err)
	}
	points, err := m.Points()
	if err != nil {
		t.Fatal(err)
	}
	for at := 1 + i; at <= len(points); at += n * spreadSingles() {
		meet(m, "single", at)
	}
	for k, pair := range chosenPairs() {
		if k%n == i {
			meet(m, "pair", pair[0], pair[1])
		}
	}
}

// spreadSingles is how far the single points are apart that are tried: a short
// test, which the race detector slows down, takes a few.
func spreadSingles() int {
	if testing.Short() {
		return 20
	}
	return 1
}

// meet plays one meeting with those deaths, and says how it went. A second point
// that does not come any more, because all was well before, is none.
func meet(m *actorstest.Meeting, what string, at ...int) {
	deaths, faults := m.KillAt(at...)
	fmt.Printf("pairs: %s\n", what)
	if len(deaths) == 0 {
		fmt.Printf("%skills at %v: nobody came to the first point\n", violation, at)
	}
	for _, fault := range faults {
		fmt.Printf("%skills at %v (%v): %s\n", violation, at, deaths, fault)
	}
}

// chosenPairs are all pairs, or a sample of them.
func chosenPairs() [][2]int {
	var all [][2]int
	for a := 1; a <= pairedPoints; a++ {
		for b := a + 1; b <= pairedPoints; b++ {
			all = append(all, [2]int{a, b})
		}
	}
	switch rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] }); {
	case testing.Short():
		return all[:samplePairs/40]
	case !*everyPair:
		return all[:samplePairs]
	}
	return all
}
