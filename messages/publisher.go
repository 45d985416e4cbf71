package messages

// PublisherMessage is the inbox of a context's publisher: it keeps the node's
// own descriptor there in its window and true (SPEC 4.1). ContextChanged and
// the answers of the store, Journaled and JournalRefused, belong to it too.
type PublisherMessage interface{ publisherMessage() }

// LocalEndpoints are the node's own direct endpoints, the same for every
// context. It is sent again after every start of a publisher.
type LocalEndpoints struct {
	Network   NetworkGeneration
	Endpoints []LinkEndpoint
}

// SlotUp says that the node is registered at a relay, for that context alone.
// It is sent again after every start of a publisher.
type SlotUp struct {
	Context  ContextID
	Endpoint LinkEndpoint
}

// SlotDown says that the node is no longer registered there.
type SlotDown struct {
	Context  ContextID
	Endpoint LinkEndpoint
}

func (Tick) publisherMessage()           {}
func (LocalEndpoints) publisherMessage() {}
func (SlotUp) publisherMessage()         {}
func (SlotDown) publisherMessage()       {}
func (ContextChanged) publisherMessage() {}
func (Journaled) publisherMessage()      {}
func (JournalRefused) publisherMessage() {}
