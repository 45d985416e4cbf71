package messages

// Withdraw asks the journal to do an operation no more, if it is not done yet: who
// asked for it waits no longer. It is answered as the operation itself would be:
// with what came of it, or with a refusal. Whoever withdraws an operation does not
// ask for it again.
type Withdraw struct{ Operation OperationID }
