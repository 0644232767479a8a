package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/franken-node/fnode-supervisor/engineproc/engine"
	"github.com/franken-node/fnode-supervisor/engineproc/wire"
)

// The strict limits.
const (
	heap   = 32 << 20
	stack  = 2000
	callMS = 1000
)

// peer speaks with one engine in this process, over pipes.
type peer struct {
	w    *wire.Writer
	r    *wire.Reader
	in   io.Closer
	done chan error // capacity 1: the end of the engine
}

// start loads a bundle with one method, call.
func start(bundle string) (*peer, error) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	p := &peer{w: wire.NewWriter(inW, wire.Limits{Payload: 64 << 20}), r: wire.NewReader(outR, wire.Limits{}), in: inW, done: make(chan error, 1)}
	go func() { // owner: close receives from done; ends: the input is closed
		err := engine.Run(inR, outW, engine.Options{Limits: wire.Limits{Payload: 64 << 20}})
		_ = outW.Close()
		p.done <- err
	}()
	_, err := p.ask(wire.Handshake, 0, wire.HandshakeRequest{
		Protocol: wire.Version, Interface: wire.InterfaceHash, MaxFrame: 1 << 20, Heap: heap, Stack: stack, Result: 8 << 20,
	})
	for _, class := range []string{wire.CreditLog, wire.CreditHost} {
		if err == nil {
			_, err = p.w.Send(wire.Frame{Type: wire.Credit, Name: class, Num: 100_000})
		}
	}
	if err == nil {
		_, err = p.ask(wire.Configure, 0, wire.ConfigureRequest{Name: "check", Version: "1.0.0", Bundle: bundle, Methods: []string{"call"}, Seed: 1})
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *peer) invoke(input json.RawMessage) (json.RawMessage, error) {
	return p.ask(wire.Invoke, callMS, wire.InvokeRequest{Method: "call", Input: input, Call: "1"})
}

// ask sends a request and waits for its answer.
func (p *peer) ask(method string, ms uint64, v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	id, err := p.w.Send(wire.Frame{Type: wire.Request, Name: method, Num: ms, Data: b})
	if err != nil {
		return nil, err
	}
	for {
		f, err := p.r.Next()
		switch {
		case err != nil:
			return nil, err
		case f.Type == wire.Reply && f.Re == id:
			return f.Data, nil
		case f.Type == wire.Error && f.Re == id:
			return nil, fmt.Errorf("%s: %s %.120s", f.Name, f.Text, f.Stack)
		}
	}
}

func (p *peer) close() {
	_ = p.in.Close()
	go func() { // owner: nobody needs to; ends: the engine closes its output
		for {
			if _, err := p.r.Next(); err != nil {
				return
			}
		}
	}()
	<-p.done
}
