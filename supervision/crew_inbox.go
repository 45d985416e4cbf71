package supervision

import "time"

// crewEvent is the inbox of a crew, and so of a supervisor, whose control lane
// brings it.
type crewEvent interface {
	control
	isCrewEvent()
}

type (
	// crewOpen: the supervisor's life begins; start the children.
	crewOpen struct{}
	// childUp: the child's life has acknowledged its start.
	childUp struct {
		name string
		life Incarnation
	}
	// childExit: the child's life is over.
	childExit struct {
		name string
		life Incarnation
		exit *Exit
	}
	// hire: start a dynamic child, whose place in the tree is already taken.
	hire struct{ child *Child }
	// dismiss: stop a dynamic child and forget it.
	dismiss struct{ name string }
	// crewClose: stop everything in reverse order, then resign with exit.
	crewClose struct{ exit *Exit }
	// crewTick: the deadline has come.
	crewTick struct{}
)

func (crewOpen) isCrewEvent()  {}
func (crewOpen) isControl()    {}
func (childUp) isCrewEvent()   {}
func (childUp) isControl()     {}
func (childExit) isCrewEvent() {}
func (childExit) isControl()   {}
func (hire) isCrewEvent()      {}
func (hire) isControl()        {}
func (dismiss) isCrewEvent()   {}
func (dismiss) isControl()     {}
func (crewClose) isCrewEvent() {}
func (crewClose) isControl()   {}
func (crewTick) isCrewEvent()  {}
func (crewTick) isControl()    {}

// order is an effect of a crew, carried out by the supervisor.
type order interface{ isOrder() }

type (
	// startChild: begin the life of this number.
	startChild struct {
		child *Child
		life  Incarnation
	}
	// stopChild: end the life cleanly.
	stopChild struct {
		name string
		life Incarnation
	}
	// abandonChild: fence a stuck life and put an empty actor in its place.
	abandonChild struct {
		name   string
		waited time.Duration
	}
	// mournChild: tell monitors that a life ended and another may follow.
	mournChild struct{ exit *Exit }
	// isolateChild: show the child as quarantined.
	isolateChild struct{ name string }
	// forgetChild: remove the actor from the tree; tell monitors for good.
	forgetChild struct {
		name string
		exit *Exit
	}
	// acknowledge: all children are up for the first time.
	acknowledge struct{}
	// retire: the supervisor stops its children from now on, and takes no new ones.
	retire struct{}
	// resign: no child lives any more; the supervisor's life ends so.
	resign struct{ exit *Exit }
	// report: tell the world.
	report struct{ event Event }
)

func (startChild) isOrder()   {}
func (stopChild) isOrder()    {}
func (abandonChild) isOrder() {}
func (mournChild) isOrder()   {}
func (isolateChild) isOrder() {}
func (forgetChild) isOrder()  {}
func (acknowledge) isOrder()  {}
func (retire) isOrder()       {}
func (resign) isOrder()       {}
func (report) isOrder()       {}
