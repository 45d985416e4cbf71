// Package crash holds the tests that show that the store loses nothing (SPEC
// 3.5): nothing that a host was told to be on disk is missing, and nothing that
// is read is wrong, whatever ends the process or harms the file.
//
// The process under test is a whole node behind the embedding API, in a process
// of its own; it prints each fact after Append has returned. What is done to it:
//
//	killed    SIGKILL, at any moment of its life
//	cut       the power goes: its system calls are traced, and the disk is
//	          replayed with every write that was not synced dropped, kept,
//	          reordered or torn
//	refused   writes and syncs fail
//	flipped   single bits of the files change, at rest and under the open node
//
// make crash runs all of it at length; go test takes a sample. Start reading at
// writer_test.go, the process, and ledger_test.go, what must be there afterwards.
package crash
