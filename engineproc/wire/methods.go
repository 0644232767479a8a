package wire

import "encoding/json"

// The methods that every engine answers.
const (
	Handshake    = "handshake"
	Describe     = "describe"
	Introspect   = "introspect"
	Capabilities = "capabilities"
	Configure    = "configure"
	Simulate     = "simulate"
	Invoke       = "invoke"
	Health       = "health"
	Shutdown     = "shutdown"
)

// Methods lists them in the order in which a conformance run asks.
var Methods = []string{Handshake, Describe, Introspect, Capabilities, Configure, Simulate, Invoke, Health, Shutdown}

// InterfaceHash names the set of methods of this version: the first 16 hex digits of the sha256 of their
// names and the version, checked by both sides, so that two builds that disagree refuse each other.
const InterfaceHash = "e5db8d6764456422"

// The kinds of an Error frame.
const (
	KindThrow         = "throw"            // the author's code threw or rejected
	KindDeadline      = "deadline"         // interrupted at the deadline
	KindCancelled     = "cancelled"        // interrupted by a cancel
	KindOOM           = "oom"              // the JS heap limit; the instance is retired
	KindStack         = "stack_overflow"   // too deep
	KindStalled       = "stalled"          // a promise that nothing can settle any more
	KindNoMethod      = "missing_method"   // no such export
	KindBadInput      = "bad_input"        // the payload is not what the method takes
	KindResultSize    = "result_too_large" // over the frame budget
	KindNotConfigured = "not_configured"   // invoke before configure
	KindLoad          = "load"             // the bundle does not load
	KindRefused       = "refused"          // negotiation failed
	KindUnknown       = "unknown_method"   // no such protocol method
)

// EventSpent says that the heap refused an allocation: the engine is retired once its call has ended. It
// comes ahead of that call's answer, also where the code has hidden the error.
const EventSpent = "spent"

// The credit classes.
const (
	CreditLog  = "log"
	CreditHost = "host"
)

// HandshakeRequest opens a pipe.
type HandshakeRequest struct {
	Protocol  int      `json:"protocol"`
	Interface string   `json:"interface"`
	Required  []string `json:"required,omitempty"` // features; an unknown one is refused
	MaxFrame  int      `json:"maxFrame"`           // bytes
	Heap      int64    `json:"heap"`               // bytes of the JS heap
	Stack     int      `json:"stack"`              // slots
	Result    int      `json:"result"`             // bytes of a result
}

// HandshakeReply says who answers.
type HandshakeReply struct {
	Protocol  int      `json:"protocol"`
	Interface string   `json:"interface"`
	Engine    string   `json:"engine"`
	Version   string   `json:"version"`
	Features  []string `json:"features"`
}

// DescribeReply says what the engine has and lacks.
type DescribeReply struct {
	Engine   string   `json:"engine"`
	Version  string   `json:"version"`
	Language string   `json:"language"`
	Features []string `json:"features"`
	Missing  []string `json:"missing"`
}

// ConfigureRequest loads an extension.
type ConfigureRequest struct {
	Name         string          `json:"name"`
	Version      string          `json:"version"`
	Bundle       string          `json:"bundle"` // JS text
	Methods      []string        `json:"methods"`
	Capabilities []string        `json:"capabilities"`
	Config       json.RawMessage `json:"config,omitempty"`
	Seed         uint64          `json:"seed,string"` // of all randomness
}

// ConfigureReply lists what the bundle exports.
type ConfigureReply struct {
	Exports []string `json:"exports"`
	LoadMS  float64  `json:"loadMs"`
}

// InvokeRequest calls a method; Simulate takes the same.
type InvokeRequest struct {
	Method string          `json:"method"`
	Input  json.RawMessage `json:"input"`
	Call   string          `json:"call"`
}

// SimulateReply is the result beside the effects that were recorded and not done.
type SimulateReply struct {
	Result  json.RawMessage `json:"result"`
	Effects []Effect        `json:"effects"`
}

// Effect is one host call that a simulation recorded.
type Effect struct {
	Call  string          `json:"call"`
	Input json.RawMessage `json:"input"`
}

// IntrospectReply shows the loaded extension.
type IntrospectReply struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Exports []string `json:"exports"`
	Methods []string `json:"methods"`
}

// HealthReply shows the engine's state. What it uses is told by its cgroup, not by itself.
type HealthReply struct {
	Calls uint64 `json:"calls"`
	OK    bool   `json:"ok"`
}
