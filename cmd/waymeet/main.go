// Command waymeet runs a node or a relay, and asks one that runs.
//
// One file is one verb. The command holds flags and printing and no logic: it
// imports the package waymeet and cobra, nothing else of this module. The demo
// is the exception in size: it plays a whole story with real processes (start
// at demo.go).
//
// Start reading at command.go.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
