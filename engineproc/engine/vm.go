package engine

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sort"
	"strings"
	"time"

	"modernc.org/quickjs"
	"modernc.org/quickjs/intl"
)

//go:embed shims/*.js
var shims embed.FS

// vm is one JavaScript world: the VM, the dispatcher of shims/90-run.js, and what it reported last.
type vm struct {
	js      *quickjs.VM
	api     map[string]quickjs.Value
	port    port
	rng     *rand.Rand
	start   time.Time
	result  *result // what the call under way reported
	heap    *heapWatch
	forget  func() // of the heap's watch
	unwatch func() // of rejections; nil before boot has ended
	lines   int    // of the shims
}

// result is the outcome of a call: Kind is empty for success.
type result struct {
	JSON                       string
	Kind, Name, Message, Stack string
}

// port is what the VM needs of the pipe.
type port interface {
	log(level int, text string)
	hostCall(name, json string) (id float64, err error)
}

// hidden are the Go functions that the shims get in their host bag and nobody else sees.
const hiddenPrefix = "__go_"

func newVM(heap int64, stack int, seed uint64, p port) (*vm, error) {
	js, err := quickjs.NewVM()
	if err != nil {
		return nil, err
	}
	v := &vm{js: js, port: p, start: time.Now(), rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), api: map[string]quickjs.Value{}}
	if v.heap, v.forget, err = newHeapWatch(js); err != nil {
		return nil, errors.Join(err, js.Close())
	}
	js.SetMaxStackSize(uintptr(stack))
	js.SetMemoryLimit(uintptr(heap))
	if err := errors.Join(intl.Register(js), v.boot()); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// boot registers the Go functions, runs the shims, and keeps handles of the dispatcher's functions.
func (v *vm) boot() error {
	names, err := v.register()
	if err != nil {
		return err
	}
	src, err := bootScript(names)
	if err != nil {
		return err
	}
	v.lines = 1 + strings.Count(src, "\n")
	api, err := v.js.EvalValue(src, quickjs.EvalGlobal)
	if err != nil {
		return fmt.Errorf("shims: %w", err)
	}
	defer api.Free()
	for _, name := range []string{"begin", "finish", "invoke", "settle", "cancel", "abandon", "waiting", "timerNext", "timerRun", "rejected"} {
		atom, err := v.js.NewAtom(name)
		if err != nil {
			return err
		}
		if v.api[name], err = api.GetPropertyValue(atom); err != nil {
			return err
		}
	}
	v.unwatch, err = watchRejections(v.js, v.api["rejected"])
	return err
}

func (v *vm) register() (names []string, err error) {
	funcs := map[string]any{
		"log":       func(level int, text string) { v.port.log(level, text) },
		"monotonic": func() float64 { return float64(time.Since(v.start).Microseconds()) / 1000 },
		"origin":    func() float64 { return float64(v.start.UnixMicro()) / 1000 },
		"random32":  func() float64 { return float64(v.rng.Uint32()) },
		"bytesIn":   func(text string) float64 { return float64(len(text)) },
		"done":      func(json string) { v.result = &result{JSON: json} },
		"failed": func(kind, name, message, stack string) {
			v.result = &result{Kind: kind, Name: name, Message: message, Stack: stack}
		},
	}
	for name, f := range funcs {
		if err := v.js.RegisterFunc(hiddenPrefix+name, f, false); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	call := func(args []any) (any, error) {
		if len(args) != 2 {
			return nil, errors.New("a host call has a name and its input")
		}
		name, ok1 := args[0].(string)
		json, ok2 := args[1].(string)
		if !ok1 || !ok2 {
			return nil, errors.New("a host call has a name and its input as text")
		}
		return v.port.hostCall(name, json)
	}
	for name, f := range map[string]quickjs.HostFunc{"hostCall": call, "hash": hashStep, "toASCII": toASCII, "source": lazySource} {
		if err := v.js.RegisterHostFunc(hiddenPrefix+name, f); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// bootScript puts the shims together: each file is a function body of (host, def).
func bootScript(names []string) (string, error) {
	var b strings.Builder
	b.WriteString("(function(){const host={};const def=(name,value,on=globalThis)=>Object.defineProperty(on,name,{value,writable:true,configurable:true,enumerable:false});\n")
	for _, n := range names {
		fmt.Fprintf(&b, "host.%s=globalThis.%s%s;delete globalThis.%s%s;\n", n, hiddenPrefix, n, hiddenPrefix, n)
	}
	files, err := fs.Glob(shims, "shims/*.js")
	if err != nil {
		return "", err
	}
	sort.Strings(files)
	for i, f := range files {
		src, err := shims.ReadFile(f)
		if err != nil {
			return "", err
		}
		if i == len(files)-1 {
			b.WriteString("return ")
		}
		b.WriteString("(function(host,def){")
		b.Write(src)
		b.WriteString("})(host,def);\n")
	}
	b.WriteString("})()")
	return b.String(), nil
}

// call calls a function of the dispatcher within the time that is left.
func (v *vm) call(name string, left time.Duration, args ...any) (any, error) {
	v.limit(left)
	return v.api[name].Call(quickjs.UndefinedValue, args...)
}

// limit sets the interrupt deadline of what runs next.
func (v *vm) limit(left time.Duration) {
	_ = v.js.SetEvalTimeout(max(left, time.Millisecond)) // never fails
}

// jobs runs promise reactions until none is left or the time is over.
func (v *vm) jobs(left time.Duration) error {
	for {
		v.limit(left)
		n, err := v.js.ExecutePendingJobs()
		if err != nil && isInterrupt(err) {
			return err
		}
		if n == 0 || v.result != nil {
			return nil
		}
	}
}

func (v *vm) close() {
	if v.unwatch != nil {
		v.unwatch()
	}
	for _, f := range v.api {
		f.Free()
	}
	_ = v.js.Close()
	v.forget()
}

func isInterrupt(err error) bool {
	var e *quickjs.Error
	return errors.As(err, &e) && e.Name == "InternalError" && e.Message == "interrupted"
}

// failure turns an error of the VM into a result.
func failure(kind string, err error) *result {
	r := &result{Kind: kind, Name: "Error", Message: err.Error()}
	var e *quickjs.Error
	if errors.As(err, &e) {
		r.Name, r.Stack = e.Name, e.Stack
		if e.Message != "" {
			r.Message = e.Message
		}
		if e.LineNumber > 0 {
			r.Stack = fmt.Sprintf("    at %s:%d:%d\n%s", e.FileName, e.LineNumber, e.ColumnNumber, r.Stack)
		}
	}
	return r
}
