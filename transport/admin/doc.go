// Package admin is how a command line talks to a running node: HTTP and JSON
// over a Unix socket in the state directory that only its owner can open.
//
// It imports messages and the standard library. What a node can be asked is
// the interface Backend (RelayBackend for a relay); errors cross the socket as
// messages.Problem, unchanged.
//
//	GET  /v1/role                  {"role":"node"} or {"role":"relay"}
//	GET  /v1/status                messages.Status or messages.RelayStatus
//	GET  /v1/actors                messages.ActorTree
//	GET  /v1/events                messages.Event, one JSON object a line, until the caller hangs up
//	POST /v1/invite                InviteRequest → {"ticket"}
//	POST /v1/join                  {"ticket"} → JoinResult
//	POST /v1/send                  the file as the body, recipient and name in headers → SendResult
//	POST /v1/debug/kill            {"actor"} → {"killed"}
//	POST /v1/debug/suspend         {"actor"} → {"suspended"}
//	POST /v1/debug/resume          {"actor"} → {"resumed"}
//	POST /v1/debug/inspect         {"actor"} → ActorReport
//	POST /v1/debug/report          all that the tree tells of itself
//	POST /v1/debug/schedule        → {"plan"}
//	POST /v1/debug/storm           StormRequest → StormStatus, one JSON object a line, until it is over
//	POST /v1/debug/calm            ends the storm
//	POST /v1/debug/network-change  {"generation"}, may be empty
//	POST /v1/debug/hold-relay      {"on"}
//
// The debug routes answer 403 unless the node was started with --unsafe-debug.
// A relay has only the first three routes. Tickets and names travel in bodies
// and headers, never in a URL.
//
// Start reading at backend.go and debug.go, then routes.go.
package admin
