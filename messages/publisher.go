package messages

// PublisherMessage is the inbox of a context's publisher: it keeps the node's
// own descriptor there in its window and true (SPEC 4.1). ContextChanged and
// the answers of the store, Journaled and JournalRefused, belong to it too.
type PublisherMessage interface{ publisherMessage() }

// LocalEndpoints are the endpoints to publish in a context.
type LocalEndpoints struct {
	Context   ContextID
	Network   NetworkGeneration
	Endpoints []LinkEndpoint
}

func (Tick) publisherMessage()           {}
func (LocalEndpoints) publisherMessage() {}
func (ContextChanged) publisherMessage() {}
func (Journaled) publisherMessage()      {}
func (JournalRefused) publisherMessage() {}
