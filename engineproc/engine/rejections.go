package engine

import (
	"reflect"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
	"modernc.org/quickjs"
)

// tellers are the functions of the shims that hear of rejections: address of a runtime -> lib.TJSValue.
var tellers sync.Map

type rejectionFunc = func(tls *libc.TLS, ctx uintptr, promise, reason lib.TJSValue, handled int32, opaque uintptr)

// watchRejections has tell called with each promise that is rejected while nobody listens to it, and the reason;
// and with the promise alone once somebody does. Without it a write that is not awaited fails in silence. tell
// stays with the caller, who frees it after forget.
func watchRejections(js *quickjs.VM, tell quickjs.Value) (forget func(), err error) {
	rt := runtimeOf(js)
	f := reflect.ValueOf(&tell).Elem().FieldByName("v")
	if rt == nil || !f.IsValid() || f.Type() != reflect.TypeFor[lib.TJSValue]() {
		return nil, errUnknownBuild
	}
	at := uintptr(unsafe.Pointer(rt))
	tellers.Store(at, *(*lib.TJSValue)(f.Addr().UnsafePointer()))
	rt.Fhost_promise_rejection_tracker, rt.Fhost_promise_rejection_tracker_opaque = entry(rejectionFunc(rejected)), at
	return func() {
		rt.Fhost_promise_rejection_tracker = 0
		tellers.Delete(at)
	}, nil
}

// rejected is called by QuickJS, in the middle of a rejection: what tell throws is dropped, and a lost interrupt is
// repeated by guard.
func rejected(tls *libc.TLS, ctx uintptr, promise, reason lib.TJSValue, handled int32, opaque uintptr) {
	tell, ok := tellers.Load(opaque)
	if !ok {
		return
	}
	args := []lib.TJSValue{promise, reason}
	if handled != 0 {
		args = args[:1]
	}
	size := int(unsafe.Sizeof(promise)) * len(args)
	at := tls.Alloc(size) // the library takes addresses as numbers: no memory that Go may move
	defer tls.Free(size)
	copy(unsafe.Slice((*lib.TJSValue)(unsafe.Add(unsafe.Pointer(nil), at)), len(args)), args)
	r := lib.XJS_Call(tls, ctx, tell.(lib.TJSValue), lib.TJSValue{Ftag: lib.EJS_TAG_UNDEFINED}, int32(len(args)), at)
	if r.Ftag == lib.EJS_TAG_EXCEPTION {
		r = lib.XJS_GetException(tls, ctx)
	}
	lib.XFreeValue(tls, ctx, r)
}
