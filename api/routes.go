package api

import (
	"net/http"
	"net/http/pprof"
	"path"
	"slices"
	"strings"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// route is one row of the API. write: it changes something, and has a JSON body; stream: it counts against
// the streams instead of the requests.
type route struct {
	method, pattern string
	need            Permission
	write, stream   bool
	do              func(*Server) handler
	doc             string
}

// table is the whole API. Patterns are those of net/http.
var table = []route{
	{"GET", "/livez", permNone, false, false, func(s *Server) handler { return s.live }, "200 while the process answers"},
	{"GET", "/readyz", permNone, false, false, func(s *Server) handler { return s.readyz }, "200 when every check is ok"},
	{"GET", "/startupz", permNone, false, false, func(s *Server) handler { return s.startupz }, "200 once the start has ended"},
	{"GET", "/v1/whoami", permNone, false, false, func(s *Server) handler { return s.whoami }, "who you are to the daemon, and why"},
	{"GET", "/v1/status", PermView, false, false, func(s *Server) handler { return s.status }, "the daemon in one look"},
	{"GET", "/v1/tree", PermView, false, false, func(s *Server) handler { return s.tree }, "everything supervised, one snapshot"},
	{"GET", "/v1/extensions", PermView, false, false, func(s *Server) handler { return s.extensions }, "the packages held"},
	{"GET", "/v1/describe", PermView, false, false, func(s *Server) handler { return s.describe }, "one node in full: ?path="},
	{"GET", "/v1/why", PermView, false, false, func(s *Server) handler { return s.why }, "the first cause of a state: ?path="},
	{"GET", "/v1/doctor", PermView, false, false, func(s *Server) handler { return s.doctor }, "live self-tests"},
	{"GET", "/v1/events", PermView, false, true, func(s *Server) handler { return s.events }, "server-sent events: ?since=&follow=, Last-Event-ID"},
	{"GET", "/v1/logs", PermLogs, false, true, func(s *Server) handler { return s.logs }, "server-sent log lines: ?path=&since=&tail=&call=&follow="},
	{"POST", "/v1/invoke", PermInvoke, true, false, func(s *Server) handler { return s.idempotent(s.invoke) }, "call a method: InvokeRequest"},
	{"POST", "/v1/stop", PermControl, true, false, func(s *Server) handler { return s.idempotent(s.verb(s.b.Stop)) }, "stop a node: VerbRequest"},
	{"POST", "/v1/start", PermControl, true, false, func(s *Server) handler { return s.idempotent(s.verb(s.b.Start)) }, "start a node: VerbRequest"},
	{"POST", "/v1/restart", PermControl, true, false, func(s *Server) handler { return s.idempotent(s.verb(s.b.Restart)) }, "restart a node: VerbRequest"},
	{"POST", "/v1/apply", PermApply, true, false, func(s *Server) handler { return s.idempotent(s.apply) }, "make the tree what a configuration says: VerbRequest, whose path is the file's"},
	{"GET", "/metrics", PermView, false, false, func(s *Server) handler { return s.metrics }, "Prometheus exposition"},
	{"GET", "/debug/pprof/", PermDebug, false, true, plain(pprof.Index), "profiles of the daemon"},
	{"GET", "/debug/pprof/cmdline", PermDebug, false, true, plain(pprof.Cmdline), "command line of the daemon"},
	{"GET", "/debug/pprof/profile", PermDebug, false, true, plain(pprof.Profile), "CPU profile: ?seconds="},
	{"GET", "/debug/pprof/symbol", PermDebug, false, true, plain(pprof.Symbol), "program counters to names"},
	{"GET", "/debug/pprof/trace", PermDebug, false, true, plain(pprof.Trace), "execution trace: ?seconds="},
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	rows := slices.Clone(table)
	for _, rt := range s.o.Routes {
		rows = append(rows, rt.row())
	}
	for _, rt := range rows {
		pattern := rt.pattern
		if pattern[len(pattern)-1] == '/' {
			pattern += "{rest...}"
		}
		mux.Handle(rt.method+" "+pattern, s.guard(rt))
	}
	return s.unknown(mux)
}

// unknown answers what no row fits with a coded problem instead of net/http's text.
func (s *Server) unknown(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		if pattern == "" || path.Clean(r.URL.Path) != strings.TrimSuffix(r.URL.Path, "/") {
			s.stamp(w)
			w.Header().Set("Connection", "close")
			writeProblem(w, codes.New(codes.NoSuchRoute, "this daemon has no %s %s", clip(r.Method, 20), clip(r.URL.Path, 120)))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func plain(f http.HandlerFunc) func(*Server) handler {
	return func(*Server) handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			f(w, r)
			return nil
		}
	}
}
