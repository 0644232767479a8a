package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/extension"
	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/engineproc/pack"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/isolation"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// Stop stops a child and keeps its spec.
func (d *daemon) Stop(ctx context.Context, r api.VerbRequest) (api.VerbResult, error) {
	return d.verb(ctx, "stop", core.Terminate, r)
}

// Start starts a child that is stopped.
func (d *daemon) Start(ctx context.Context, r api.VerbRequest) (api.VerbResult, error) {
	return d.verb(ctx, "start", core.Revive, r)
}

// Restart stops a child and starts it again.
func (d *daemon) Restart(ctx context.Context, r api.VerbRequest) (api.VerbResult, error) {
	return d.verb(ctx, "restart", core.Restarted, r)
}

// verb asks the child's supervisor.
func (d *daemon) verb(ctx context.Context, name string, kind core.EventKind, r api.VerbRequest) (api.VerbResult, error) {
	n, err := d.find(r.Path)
	if err != nil {
		return api.VerbResult{}, err
	}
	out := api.VerbResult{Meta: api.Of("VerbResult"), Verb: name, Path: r.Path, DryRun: r.DryRun, Before: n.State, After: n.State, Steps: []string{}}
	above, child, ok := cutLast(r.Path)
	if !ok {
		return out, codes.New(codes.BadRequest, "%s is the root: end the daemon with SIGTERM instead", r.Path)
	}
	contained := n.State == "Quarantined"
	up := n.State != "Stopped" && !contained
	switch {
	case name == "start" && contained:
		return out, quarantined(n)
	case name == "stop" && !up, name == "start" && up:
		return out, nil // there is nothing to do
	}
	out.Changed = true
	if contained {
		out.Steps = append(out.Steps, "release "+r.Path+" from quarantine, and forget its failures")
	}
	if up {
		out.Steps = append(out.Steps, "close the region of "+r.Path+" within its shutdown time")
	}
	if name != "stop" {
		out.Steps = append(out.Steps, "start "+r.Path+" and wait until it is ready")
	}
	if r.DryRun {
		return out, nil
	}
	ref, ok := d.sys.Lookup(above)
	if !ok {
		return out, codes.New(codes.NotRunning, "the supervisor of %s does not run", r.Path)
	}
	if r.TimeoutNS > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.TimeoutNS))
		defer cancel()
	}
	who := fmt.Sprintf("%s, asked by uid %d", name, r.Peer.UID)
	d.event(name, r.Path, "asked by uid "+fmt.Sprint(r.Peer.UID), nil)
	d.rec.add(r.Path, marker.Lifecycle{Event: "asked", Reason: who})
	if _, err := actors.Call[supervision.Request, struct{}](ctx, d.sys, ref, supervision.Request{Kind: kind, Name: child}); err != nil {
		return out, err
	}
	if name == "stop" {
		d.rec.add(r.Path, marker.Lifecycle{Event: "stopped", Incarnation: n.Incarnation, Reason: who})
	}
	if n, err := d.find(r.Path); err == nil {
		out.After = n.State
	}
	return out, nil
}

func cutLast(path string) (above, name string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// Invoke calls a method. When ctx ends the call is taken back.
func (d *daemon) Invoke(ctx context.Context, r api.InvokeRequest) (api.InvokeResult, error) {
	if err := checkJSON(r.Args); err != nil {
		return api.InvokeResult{}, err
	}
	n, err := d.find(r.Path)
	if err != nil {
		return api.InvokeResult{}, err
	}
	ref, ok := d.sys.Lookup(r.Path)
	if n.Kind != "extension" || !ok {
		return api.InvokeResult{}, d.cannotCall(n)
	}
	if n.State == "Stopped" || n.State == "Quarantined" {
		return api.InvokeResult{}, d.cannotCall(n)
	}
	q := extension.Invoke{Method: r.Method, Input: r.Args, Timeout: time.Duration(r.TimeoutNS), Call: d.callID()}
	res, err := actors.Call[extension.Invoke, extension.Result](ctx, d.sys, ref, q)
	if err != nil {
		if ctx.Err() != nil {
			_ = d.sys.Tell(ref, extension.CancelCall{Call: q.Call}) // an extension that is gone has nothing to cancel
		}
		return api.InvokeResult{}, withOutcome(err)
	}
	return api.InvokeResult{
		Meta: api.Of("InvokeResult"), Path: r.Path, Method: r.Method, Call: q.Call, Incarnation: n.Incarnation,
		DurationNS: res.Took.Nanoseconds(), Result: res.JSON,
	}, nil
}

func (d *daemon) cannotCall(n api.Node) error {
	if n.Kind != "extension" {
		return codes.New(codes.UnknownMethod, "%s is a %s and has no methods", n.Path, n.Kind).Outcome(base.EffectNone)
	}
	if n.State == "Quarantined" {
		return quarantined(n).Outcome(base.EffectNone)
	}
	code := codes.ExtensionDown
	if n.State == "Stopped" {
		code = codes.NotRunning // trying again later is no use
	}
	return codes.New(code, "%s takes no calls: it is %s (%s)", n.Path, n.State, n.Reason).Outcome(base.EffectNone).
		Fact("try", "fnctl start %s", n.Path)
}

// quarantined refuses what needs a child that is in quarantine (S7).
func quarantined(n api.Node) *codes.Error {
	return codes.New(codes.ChildQuarantined, "%s is in quarantine: %s", n.Path, n.Reason).Fact("try", "fnctl restart %s", n.Path)
}

// withOutcome gives a refusal of the mailbox the outcome of a call that never began.
func withOutcome(err error) error {
	if c := codes.From(err); c != nil && !c.HasEffect {
		same := *c
		return same.Outcome(base.EffectNone)
	}
	return err
}

func (d *daemon) callID() string {
	return fmt.Sprintf("%s-%x", d.boot[:4], d.calls.Add(1))
}

// checkJSON refuses what is not one JSON value, with the place.
func checkJSON(b json.RawMessage) error {
	if at := codes.NotUTF8(b); at >= 0 {
		return codes.New(codes.BadInput, "the argument is not UTF-8 from here on").At(pack.PositionOf("argument", b, at)).Outcome(base.EffectNone)
	}
	if len(b) == 0 || json.Valid(b) {
		return nil
	}
	var v any
	err := json.NewDecoder(bytes.NewReader(b)).Decode(&v)
	at := len(b)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = int(syntax.Offset) - 1
	}
	return codes.New(codes.BadInput, "the argument is not valid JSON: %s", codes.JSONText(b, err)).At(pack.PositionOf("argument", b, at)).Outcome(base.EffectNone)
}

// Doctor runs the live self-tests of the host.
func (d *daemon) Doctor(ctx context.Context) ([]api.Check, error) {
	out := []api.Check{{Name: "daemon", OK: d.rootState() == "Running", Detail: "the root supervisor is " + d.rootState()}}
	return append(out, Checks(ctx, d.opts.Engine)...), nil
}

// Checks are the self-tests that need no daemon.
func Checks(ctx context.Context, engine string) (out []api.Check) {
	for _, c := range isolation.SelfTest(ctx, engine) {
		out = append(out, api.Check{Name: c.Name, OK: c.OK, Detail: c.Detail, Hint: c.How})
	}
	return out
}
