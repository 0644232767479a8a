package engine

import (
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
	"modernc.org/quickjs"
)

// heapWatch says whether an allocation of one VM was ever refused. QuickJS makes a catchable error of that,
// so code may hide it; and its text can be forged. After it nothing of the VM is to be trusted any more.
//
// It stands between QuickJS and its allocator: the library's runtime keeps two function pointers, and has no
// other place where this could be heard. This and rejections.go are the uses of unsafe here; both refuse a library
// whose fields they do not know, and the tests hold them to the pinned version.
type heapWatch struct{ refused atomic.Bool }

type (
	mallocFunc  = func(*libc.TLS, uintptr, lib.Tsize_t) uintptr
	reallocFunc = func(*libc.TLS, uintptr, uintptr, lib.Tsize_t) uintptr
)

var heaps struct {
	once    sync.Once
	malloc  uintptr  // the library's own; immutable after once
	realloc uintptr  // the library's own; immutable after once
	watched sync.Map // address of a malloc state -> *heapWatch
}

var errUnknownBuild = errors.New("this build of the JavaScript library does not let itself be watched")

// newHeapWatch watches js from now on. forget is called before js is closed.
func newHeapWatch(js *quickjs.VM) (w *heapWatch, forget func(), err error) {
	rt := runtimeOf(js)
	if rt == nil {
		return nil, nil, errUnknownBuild
	}
	mf := &rt.Fmalloc_ctx.Fmf
	heaps.once.Do(func() { heaps.malloc, heaps.realloc = mf.Fjs_malloc, mf.Fjs_realloc })
	if mf.Fjs_malloc != heaps.malloc || mf.Fjs_realloc != heaps.realloc {
		return nil, nil, errUnknownBuild
	}
	w = &heapWatch{}
	state := uintptr(unsafe.Pointer(&rt.Fmalloc_ctx.Fmalloc_state))
	heaps.watched.Store(state, w)
	mf.Fjs_malloc, mf.Fjs_realloc = entry(mallocFunc(watchedMalloc)), entry(reallocFunc(watchedRealloc))
	return w, func() { heaps.watched.Delete(state) }, nil
}

// runtimeOf is the library's own runtime of a VM, nil where it is not where it is expected.
func runtimeOf(js *quickjs.VM) *lib.TJSRuntime {
	r := reflect.ValueOf(js).Elem().FieldByName("runtime")
	if r.Kind() != reflect.Pointer || r.IsNil() {
		return nil
	}
	at := r.Elem().FieldByName("cRuntime")
	if !at.IsValid() || at.Kind() != reflect.Uintptr {
		return nil
	}
	return (*lib.TJSRuntime)(unsafe.Add(unsafe.Pointer(nil), uintptr(at.Uint())))
}

// entry is what the translated C calls: the word behind a func value.
func entry(f any) uintptr {
	return (*[2]uintptr)(unsafe.Pointer(&f))[1]
}

func watchedMalloc(tls *libc.TLS, state uintptr, size lib.Tsize_t) uintptr {
	f := *(*mallocFunc)(unsafe.Pointer(&struct{ uintptr }{heaps.malloc}))
	p := f(tls, state, size)
	if p == 0 {
		refuse(state)
	}
	return p
}

func watchedRealloc(tls *libc.TLS, state, old uintptr, size lib.Tsize_t) uintptr {
	f := *(*reallocFunc)(unsafe.Pointer(&struct{ uintptr }{heaps.realloc}))
	p := f(tls, state, old, size)
	if p == 0 && size > 0 {
		refuse(state)
	}
	return p
}

func refuse(state uintptr) {
	if w, ok := heaps.watched.Load(state); ok {
		w.(*heapWatch).refused.Store(true)
	}
}
