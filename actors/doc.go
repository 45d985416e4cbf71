// Package actors is where a machine meets its effects: one file of wiring an
// actor, and the supervision tree that they stand in.
//
//	/                            rest_for_one
//	 ├ contexts                  dynamic: one subtree a context
//	 │  └ <context>              rest_for_one
//	 │     ├ store               journal.Journal: the only writer
//	 │     ├ sync                journal.Sync: the JournalSyncActor
//	 │     └ publisher           rendezvous.Publisher: the own descriptor
//	 ├ keeper                    starts the contexts, again after each restart
//	 ├ network                   rest_for_one
//	 │  ├ relays                 dynamic: relay.Client, one a relay and scope
//	 │  ├ keeper                 starts the relay clients
//	 │  └ generations            upgrade.Network: the NetworkActor
//	 ├ channels                  rest_for_one
//	 │  ├ pairs                  dynamic: upgrade.Connection, the PeerConnectionActors
//	 │  ├ handshakes             dynamic, temporary: handshake.Handshaker, the HandshakerActors
//	 │  └ manager                channel.Manager: the ChannelManagerActor
//	 ├ bootstrap                 one_for_one
//	 │  ├ joins                  dynamic, temporary: discovery.Joiner
//	 │  └ inviter                discovery.Inviter
//	 ├ host                      dynamic: the actors of the host program
//	 └ hostkeeper                starts them again with the supervisor
//
// A relay is a tree of its own with one actor, the forwarder.
//
// How it hangs together:
//
//   - An actor is supervision.Host around a machine. Its New reads back what the
//     machine must know, First tells it how things stand, Perform does one
//     effect. Nothing else may change the world.
//   - Actors tell each other by path (tree). A message may be lost with a
//     life: whoever needs an answer asks again, and what is asked carries an id
//     under which it is done once.
//   - What must outlive an actor is in Node, outside all of them: databases,
//     the socket, the lines of the vault, and cells that actors save to and
//     read from, fenced by their incarnation.
//   - Whatever blocks runs in a task of the actor, or in a goroutine that Node
//     owns; bytes never pass through an actor.
//
// The package may import everything below it: messages, rendezvous, supervision
// and transport. Start reading at node.go and the package tree, then channelmanager.go
// for what an actor's wiring looks like.
package actors
