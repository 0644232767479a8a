// Package wire is the pipe protocol between the supervisor and one engine process, version 1: frames of
// a 4-byte big-endian length and one msgpack array [type, id, fields…], in both directions.
//
// Everything that an engine sends is hostile until parsed: the length is checked before anything is
// allocated, each field has a limit of its own, ids count up by one per direction from 1, and whatever
// does not fit is a Fault, after which the pipe is closed. Payloads are JSON text carried as msgpack bin;
// this package never looks into them. Payloads above one frame are sent as chunks before the frame that
// they belong to, within a total bound.
//
// The start, with S the supervisor and E the engine:
//
//	S  request  handshake  {protocol, features, limits}
//	E  reply               {protocol, engine, features, interface}
//	S  chunk…   request  configure {package, bundle, methods, …}
//	E  reply               {exports}                       ready
//
// A call, with a host call in its middle, and a cancel:
//
//	S  request  invoke  200 ms left        S  request  invoke
//	E  host call  kv.get (re the request)  S  cancel (re the request)   overtakes; 100 ms, or a kill
//	S  host reply                          E  error  cancelled
//	E  reply                               S  (next request)
//
// Flow: an engine may send as many log frames and host calls as it has credit for; the supervisor gives
// new credit when it has dealt with them, and so slows a flooder without reading less from others.
//
// The end: S request shutdown, E reply, E goodbye, exit; or after a grace period the kill ladder:
// cgroup.kill, on v1 SIGKILL to the pid-namespace init. SIGTERM is never used: under seccomp it would
// look like an attack.
//
// Concurrency: a Reader and a Writer belong to one goroutine each.
//
//	w := wire.NewWriter(pipe, wire.Limits{})
//	id, err := w.Send(wire.Frame{Type: wire.Request, Name: wire.Invoke, Data: payload})
//	f, err := wire.NewReader(pipe, wire.Limits{}).Next()
package wire
