package supervision

import "fmt"

func ExampleExit() {
	crash := &Exit{Path: "/store", Reason: ReasonCrash, Crash: &Crash{Text: "disk on fire"}}
	fmt.Println(&Exit{Path: "/", Reason: ReasonIntensity, Detail: "more than 3 restarts in 1m0s", Cause: crash})
	// Output: / gave up (more than 3 restarts in 1m0s): /store crashed: disk on fire
}
