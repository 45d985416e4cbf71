package filedrop

import "github.com/waymeet/waymeet/messages"

// share is what somebody has of an Inbox: underWay counts files, due the bytes
// of theirs that are still to come.
type share struct {
	underWay int
	due      uint64
}

// place is one file under way: whose it is, and the bytes still to come.
type place struct {
	from Sender
	due  uint64
}

// admit takes a place and room on the disk for the file. Of the room that is
// left by others, one sender is promised a half, and never all.
//
// docs/wire.md: "Files from peers": "The announced size and the free space are
// checked first".
func (i *Inbox) admit(from Sender, offer messages.FileOffer) *RefusedError {
	refuse := func(reason messages.FileRefusal, err error) *RefusedError {
		return &RefusedError{Name: offer.Name, Reason: reason, Err: err}
	}
	if offer.Size > i.limits.maxSize() {
		return refuse(messages.FileTooLarge, nil)
	}
	free, err := i.free()
	if err != nil {
		return refuse(messages.FileNotStored, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	own := i.of[from]
	if i.all.underWay >= i.limits.maxAtOnce() || own.underWay >= i.limits.maxPerSender() {
		return refuse(messages.FileBusy, nil)
	}
	taken := i.all.due - own.due + i.limits.reserve()
	if taken < i.limits.reserve() || free < taken {
		return refuse(messages.FileNoSpace, nil)
	}
	if half := (free - taken) / 2; half < own.due || half-own.due < offer.Size {
		return refuse(messages.FileNoSpace, nil)
	}
	i.change(from, 1, offer.Size)
	return nil
}

// release gives back the place, and the room for what never came.
func (i *Inbox) release(p *place) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.change(p.from, -1, -p.due)
}

// arrived gives back room that is now taken on the disk itself.
func (i *Inbox) arrived(n int, p *place) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.change(p.from, 0, -uint64(n))
	p.due -= uint64(n)
}

// change books files and bytes (modulo 2⁶⁴) for a sender and for all; i is
// locked.
func (i *Inbox) change(from Sender, files int, due uint64) {
	own := i.of[from]
	own.underWay, own.due = own.underWay+files, own.due+due
	i.of[from] = own
	if own == (share{}) {
		delete(i.of, from)
	}
	i.all.underWay, i.all.due = i.all.underWay+files, i.all.due+due
}
