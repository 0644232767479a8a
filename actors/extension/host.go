package extension

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/engineproc"
	"github.com/franken-node/fnode-supervisor/engineproc/core"
	"github.com/franken-node/fnode-supervisor/engineproc/wire"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// The flow of an engine: so many log lines per interval, so many host calls at a time.
const (
	logCredit   = 200
	logInterval = 100 * time.Millisecond
	hostCredit  = 16
	maxKey      = 512
	maxValue    = 256 << 10
)

// frame takes one frame of the engine, and lets the next one come.
func (x *extension) frame(cx *actors.Cx, m engineproc.Frame) {
	defer x.proc.More()
	if m.Fault != nil {
		x.step(cx, core.Event{On: spec.EngineFault, Kind: string(m.Fault.Kind)})
		return
	}
	f := m.F
	switch f.Type {
	case wire.Reply, wire.Error:
		x.answered(cx, f)
	case wire.Log:
		x.log(cx, f)
	case wire.HostCall:
		x.hostCall(cx, f)
	case wire.Event:
		x.spent = x.spent || f.Name == wire.EventSpent
	case wire.Goodbye: // the end follows
	default:
		x.step(cx, core.Event{On: spec.EngineFault, Kind: string(wire.Unexpected)})
	}
}

// answered matches an answer with the request under way; any other breaks the protocol.
func (x *extension) answered(cx *actors.Cx, f wire.Frame) {
	if f.Re != x.request || x.request == 0 {
		x.step(cx, core.Event{On: spec.EngineFault, Kind: string(wire.Unexpected)})
		return
	}
	x.request = 0
	switch {
	case f.Type == wire.Error:
		x.refusal = f
		x.refusedStart(f)
		x.step(cx, core.Event{On: spec.EngineRefused, Kind: f.Name})
	case x.core.State() == spec.EngineShaking:
		x.shaken(cx, f)
	case x.running != nil && !json.Valid(f.Data):
		x.step(cx, core.Event{On: spec.EngineFault, Kind: string(wire.Malformed)})
	default:
		x.reply = f.Data
		x.step(cx, core.Event{On: spec.EngineReplied})
	}
}

// shaken checks the handshake's reply, then has the sandbox looked at again before any code is loaded.
func (x *extension) shaken(cx *actors.Cx, f wire.Frame) {
	var r wire.HandshakeReply
	if err := json.Unmarshal(f.Data, &r); err != nil || r.Protocol != wire.Version || r.Interface != wire.InterfaceHash {
		x.end = codes.New(codes.EngineRefused, "the engine of %s speaks protocol %d, interface %q", x.cfg.Name, r.Protocol, r.Interface)
		x.step(cx, core.Event{On: spec.EngineRefused, Kind: wire.KindRefused})
		return
	}
	x.proc.Confirm()
}

// refusedStart keeps why a start was refused, with the author's frame where the bundle is at fault.
func (x *extension) refusedStart(f wire.Frame) {
	var e *codes.Error
	switch x.core.State() {
	case spec.EngineShaking:
		e = codes.New(codes.EngineRefused, "the engine refused %s (%s): %s", x.cfg.Name, f.Name, f.Text)
	case spec.EngineLoading:
		e = codes.New(codes.LoadFailed, "%s does not load (%s): %s", x.cfg.Name, f.Name, f.Text)
	default:
		return
	}
	if x.deps.Frames != nil {
		if e.Frames = x.deps.Frames(f.Stack); len(e.Frames) > 0 {
			e.At(e.Frames[0])
		}
	}
	x.end = e
}

func (x *extension) grant(class string, n uint64) {
	_, _ = x.proc.Send(wire.Frame{Type: wire.Credit, Name: class, Num: n}) // a dead pipe says so itself
}

// log passes a line on. Credit comes back by time, so that a flooder is slowed and nobody else is.
func (x *extension) log(cx *actors.Cx, f wire.Frame) {
	x.spentLg++
	if x.spentLg > logCredit {
		x.step(cx, core.Event{On: spec.EngineFault, Kind: "over_credit"})
		return
	}
	if x.deps.Log != nil {
		id := ""
		if x.running != nil {
			id = x.running.ask.Q.Call
		}
		x.deps.Log(cx.Path(), id, int(min(f.Num, 3)), f.Text)
	}
	if !x.refill {
		x.refill = true
		if _, err := cx.After(logInterval, credit{}); err != nil {
			x.refilled()
		}
	}
}

func (x *extension) refilled() {
	x.refill = false
	if n := x.spentLg; n > 0 {
		x.spentLg = 0
		x.grant(wire.CreditLog, uint64(n))
	}
}

// hostCall does what the code asks, within the manifest's capabilities.
func (x *extension) hostCall(cx *actors.Cx, f wire.Frame) {
	if len(x.host) >= hostCredit {
		x.step(cx, core.Event{On: spec.EngineFault, Kind: "over_credit"})
		return
	}
	x.host[f.ID] = true
	if !slices.Contains(x.cfg.Capabilities, "kv") {
		x.deny(f.ID, codes.New(codes.HostCallDenied, "%s may not call %s: kv is not in its capabilities", x.cfg.Name, f.Name))
		return
	}
	var q struct {
		Key    string          `json:"key"`
		Prefix string          `json:"prefix"`
		Value  json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(f.Data, &q); err != nil || len(q.Key) > maxKey || len(q.Prefix) > maxKey || len(q.Value) > maxValue {
		x.deny(f.ID, codes.New(codes.BadInput, "%s: the arguments of %s are not well-formed or too large", x.cfg.Name, f.Name))
		return
	}
	key := x.space() + q.Key
	switch {
	case f.Name == "kv.get" && q.Key != "":
		v, ok, err := cx.Read(key)
		if err != nil {
			x.deny(f.ID, err)
			return
		}
		if !ok {
			v = nil
		}
		x.done(f.ID, v)
	case f.Name == "kv.set" && q.Key != "" && len(q.Value) > 0:
		x.commit(cx, f.ID, store.Tx{Kind: "kv", Set: []store.KV{{Key: key, Value: q.Value}}})
	case f.Name == "kv.delete" && q.Key != "":
		x.commit(cx, f.ID, store.Tx{Kind: "kv", Delete: []string{key}})
	case f.Name == "kv.list":
		x.list(cx, f.ID, q.Prefix)
	default:
		x.deny(f.ID, codes.New(codes.HostCallDenied, "%s: there is no host call %s with these arguments", x.cfg.Name, f.Name))
	}
}

// space is the extension's own part of the key space.
func (x *extension) space() string { return "kv/" + x.cfg.Name + "/" }

func (x *extension) commit(cx *actors.Cx, id uint64, tx store.Tx) {
	tx.If = []store.Cond{{Key: x.space(), Quota: &store.Quota{Bytes: x.cfg.KVBytes, Keys: x.cfg.KVKeys}}}
	of, err := cx.Commit(tx)
	if err != nil {
		x.deny(id, err)
		return
	}
	x.writes[of] = id
}

func (x *extension) committed(_ *actors.Cx, m actors.Committed) {
	id, ok := x.writes[m.Of]
	if !ok {
		return
	}
	delete(x.writes, m.Of)
	if m.Result.Err != nil {
		x.deny(id, m.Result.Err)
		return
	}
	x.done(id, nil)
}

// list gives the keys under a prefix, without the extension's space.
func (x *extension) list(cx *actors.Cx, id uint64, prefix string) {
	keys, err := cx.List(x.space()+prefix, 1000)
	if err != nil {
		x.deny(id, err)
		return
	}
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k[len(x.space()):]
	}
	data, err := json.Marshal(out)
	if err != nil {
		x.deny(id, err)
		return
	}
	x.done(id, data)
}

func (x *extension) done(id uint64, data []byte) {
	x.settle(wire.Frame{Type: wire.HostReply, Re: id, OK: true, Data: data})
}

func (x *extension) deny(id uint64, err error) {
	kind, text := "error", err.Error()
	if e := codes.From(err); e != nil {
		kind, text = e.Code.Name, e.What
	}
	x.settle(wire.Frame{Type: wire.HostReply, Re: id, Name: kind, Data: []byte(text)})
}

func (x *extension) settle(f wire.Frame) {
	delete(x.host, f.Re)
	_, _ = x.proc.Send(f) // a dead pipe says so itself
	x.grant(wire.CreditHost, 1)
}
