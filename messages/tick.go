package messages

// Tick tells a machine that its deadline has come. It belongs to every inbox.
type Tick struct{}
