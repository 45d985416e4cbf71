// Package filedrop carries one file over one stream, `file/1`, from an
// authority to another: Send at one end, an Inbox at the other (SPEC 8.3).
//
// It imports messages and the operating system, nothing else of Waymeet, and
// works over any Stream. It opens no path that it was told: the sender is
// given a reader, and the receiver writes below one directory, through os.Root,
// under a name that it has checked.
//
// Start reading at inbox.go; name.go holds the rule for names.
package filedrop
