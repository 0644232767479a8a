// Package api is what people and programs touch: the versioned HTTP API on a Unix socket, its client,
// the event and log rings, and the one reducer that every view goes through.
//
// It owns the socket, the request limits, the roles of peers, the recorded answers of idempotent
// requests, and the JSON shapes. It never decides what an actor does: reads come from snapshots that
// the daemon publishes (rule S9: inspection sends no message), writes go through Backend.
//
// Lifecycle: Listen makes the socket; Serve answers until its context ends, then refuses what is new,
// finishes what has begun, removes the socket and returns. Drain refuses writes ahead of that.
//
//	client          socket            Server                       Backend
//	  | connect        |  SO_PEERCRED -> role                         |
//	  | POST /v1/invoke|---> gate -> role -> limits -> resolve path ->| Invoke
//	  | 200 or problem |<--------------------------------------------- |
//
// Concurrency: Server, Client, Ring and LogRing are safe for concurrent use; a View is immutable.
//
//	srv, err := api.Listen(api.Options{Socket: path}, daemon)
//	err = srv.Serve(ctx)
package api
