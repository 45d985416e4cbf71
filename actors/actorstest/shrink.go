package actorstest

import "slices"

// Shrink looks for fewer kills that lead to the same end: it leaves out ever
// smaller parts of the plan as long as it still fails (delta debugging, Zeller
// and Hildebrandt 2002). It plays at most so many plans. What it returns fails.
func Shrink(plan Plan, plays int, fails func(Plan) bool) Plan {
	try := func(kills []Kill) bool {
		if plays <= 0 {
			return false
		}
		plays--
		return fails(Plan{Seed: plan.Seed, Storm: plan.Storm, Kills: kills})
	}
	for parts := 2; len(plan.Kills) > 0; {
		size := (len(plan.Kills) + parts - 1) / parts
		smaller, found := without(plan.Kills, size, try)
		switch {
		case found:
			plan.Kills = smaller
			parts = max(parts-1, 2)
		case size == 1 || plays <= 0:
			return plan
		default:
			parts = min(2*parts, len(plan.Kills))
		}
	}
	return plan
}

// without leaves out the first part, of that size, that is not needed.
func without(kills []Kill, size int, fails func([]Kill) bool) ([]Kill, bool) {
	for at := 0; at < len(kills); at += size {
		rest := slices.Concat(kills[:at], kills[min(at+size, len(kills)):])
		if fails(rest) {
			return rest, true
		}
	}
	return nil, false
}
