package wire

import "fmt"

// Version is the protocol's major version.
const Version = 1

// Type says what a frame is.
type Type uint8

// The types of frames.
const (
	Request   Type = 1  // a method call of the supervisor
	Reply     Type = 2  // its result
	Error     Type = 3  // its failure
	Cancel    Type = 4  // the supervisor takes a request back
	Credit    Type = 5  // the engine may send Num more frames of class Name
	Event     Type = 6  // something that the engine tells by itself
	HostCall  Type = 7  // running code asks the host
	HostReply Type = 8  // the host's answer
	Log       Type = 9  // a line of output
	Chunk     Type = 10 // a part of the payload of the next frame
	Goodbye   Type = 11 // the last frame of a side, with its reason
)

var typeNames = map[Type]string{
	Request: "request", Reply: "reply", Error: "error", Cancel: "cancel", Credit: "credit", Event: "event",
	HostCall: "host_call", HostReply: "host_reply", Log: "log", Chunk: "chunk", Goodbye: "goodbye",
}

// String gives the type's stable name.
func (t Type) String() string {
	if n, ok := typeNames[t]; ok {
		return n
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Frame is one frame. Which fields it has depends on its type (fields); the others are zero.
type Frame struct {
	Type  Type
	ID    uint64 // set by Writer.Send; checked by Reader.Next
	Re    uint64 // the frame that this one answers or belongs to
	Name  string // method, host call, event, error kind, credit class
	Num   uint64 // remaining ms of a deadline (0: none), credit, log level, effect, cancel reason
	OK    bool   // host reply: done; chunk: the last one
	Text  string // message, log line, goodbye reason
	Stack string // the engine's stack text
	Data  []byte // payload: JSON text
}

// field is one position of a frame's array after type and id.
type field uint8

const (
	fRe field = iota
	fName
	fNum
	fOK
	fText
	fStack
	fData
)

// fields is the layout of every type.
var fields = [12][]field{
	Request:   {fName, fNum, fData},
	Reply:     {fRe, fData},
	Error:     {fRe, fName, fText, fStack, fNum},
	Cancel:    {fRe, fNum},
	Credit:    {fName, fNum},
	Event:     {fName, fData},
	HostCall:  {fRe, fName, fNum, fData},
	HostReply: {fRe, fOK, fName, fData},
	Log:       {fRe, fNum, fText},
	Chunk:     {fOK, fData},
	Goodbye:   {fText},
}

func layout(t Type) []field {
	if int(t) < len(fields) {
		return fields[t]
	}
	return nil
}

// Limits bound what is sent and taken. Zero means the default.
type Limits struct {
	Frame   int // bytes of one frame; default 1 MiB
	Payload int // bytes of a payload with its chunks; default 16 MiB
}

// The limits of single fields, in bytes.
const (
	MaxName  = 128
	MaxText  = 16 << 10
	MaxStack = 32 << 10
)

func (l Limits) withDefaults() Limits {
	if l.Frame == 0 {
		l.Frame = 1 << 20
	}
	if l.Payload == 0 {
		l.Payload = 16 << 20
	}
	return l
}

// FaultKind says how a side broke the protocol.
type FaultKind string

// The kinds of faults.
const (
	Short      FaultKind = "short"        // the pipe ended inside a frame
	Oversized  FaultKind = "oversized"    // a frame, field or payload is over its limit
	Malformed  FaultKind = "malformed"    // it is not the msgpack that is expected
	UnknownTyp FaultKind = "unknown_type" // no such type of frame
	OutOfOrder FaultKind = "out_of_order" // the id is not the next one
	BadChunk   FaultKind = "bad_chunk"    // chunks where none belong, or a payload beside chunks
	Unexpected FaultKind = "unexpected"   // a frame that this state does not allow
)

// Fault is a break of the protocol. The pipe is closed after it.
type Fault struct {
	Kind FaultKind
	What string
}

func (f *Fault) Error() string { return "protocol fault " + string(f.Kind) + ": " + f.What }

func fault(k FaultKind, format string, args ...any) *Fault {
	return &Fault{k, fmt.Sprintf(format, args...)}
}
