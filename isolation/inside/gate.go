package inside

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Step is one thing that Enter or Seal does, as a bit.
type Step uint32

// The steps, in the order in which Enter takes them. Seal takes StepSeccomp.
const (
	StepCloseFDs Step = 1 << iota
	StepEmptyRoot
	StepRlimits
	StepNoNewPrivs
	StepCapabilities
	StepDumpable
	StepLandlock
	StepMDWE
	StepSeccomp
	stepEnd
)

// AllSteps is every step there is.
const AllSteps = stepEnd - 1

var stepNames = []string{"close_fds", "empty_root", "rlimits", "no_new_privs", "capabilities", "dumpable", "landlock", "mdwe", "seccomp"}

// Has reports whether all steps of other are in s.
func (s Step) Has(other Step) bool { return s&other == other }

// String lists the steps' names.
func (s Step) String() string {
	var names []string
	for i, n := range stepNames {
		if s.Has(1 << i) {
			names = append(names, n)
		}
	}
	return strings.Join(names, ",")
}

// Message sizes. Both are fixed, so neither side ever waits for an end mark or reads too far.
const (
	GateSize   = 64
	ReportSize = 512
	textMax    = ReportSize - 32
)

var (
	gateMagic   = [8]byte{'F', 'N', 'G', 'A', 'T', 'E', 0, 1}
	reportMagic = [8]byte{'F', 'N', 'R', 'E', 'P', 'O', 0, 1}
)

// ErrForm says that bytes are not a gate or report of this version.
var ErrForm = errors.New("inside: not a gate or report message of version 1")

// Gate tells an engine which steps to take. On the wire, big endian: magic 8, steps 4, open files 4,
// address space 8, zeros to 64.
type Gate struct {
	Steps        Step
	OpenFiles    uint32 // RLIMIT_NOFILE; 0: 16
	AddressSpace uint64 // RLIMIT_AS in bytes; 0: 4 GiB. A Go runtime needs 1.4 GiB of it: no memory limit
}

// Marshal gives the wire form.
func (g Gate) Marshal() []byte {
	b := make([]byte, GateSize)
	copy(b, gateMagic[:])
	binary.BigEndian.PutUint32(b[8:], uint32(g.Steps))
	binary.BigEndian.PutUint32(b[12:], g.OpenFiles)
	binary.BigEndian.PutUint64(b[16:], g.AddressSpace)
	return b
}

// ReadGate reads exactly one gate.
func ReadGate(r io.Reader) (Gate, error) {
	var b [GateSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Gate{}, fmt.Errorf("inside: gate: %w", err)
	}
	return ParseGate(b)
}

// ParseGate reads the wire form. Unknown steps and bytes that must be zero are refused: an engine
// must not start believing that a step was taken which it does not know.
func ParseGate(b [GateSize]byte) (Gate, error) {
	g := Gate{
		Steps:        Step(binary.BigEndian.Uint32(b[8:])),
		OpenFiles:    binary.BigEndian.Uint32(b[12:]),
		AddressSpace: binary.BigEndian.Uint64(b[16:]),
	}
	if [8]byte(b[:8]) != gateMagic || g.Steps&^AllSteps != 0 || !zeros(b[24:]) {
		return Gate{}, ErrForm
	}
	return g, nil
}

// Report says what Enter attained. On the wire, big endian: magic 8, done 4, failed 4, landlock ABI 4,
// text length 4, zeros 8, text to 512. The supervisor believes it only where the kernel cannot be
// asked (landlock, empty root), and there only because it is written before extension code runs.
type Report struct {
	Done     Step
	Failed   Step
	Landlock uint32 // ABI in use, 0 without
	Text     string // "step: error" of each failed step, joined by "; ", at most 480 bytes
}

// Marshal gives the wire form. A longer text is cut.
func (r Report) Marshal() []byte {
	b := make([]byte, ReportSize)
	copy(b, reportMagic[:])
	text := r.Text[:min(len(r.Text), textMax)]
	binary.BigEndian.PutUint32(b[8:], uint32(r.Done))
	binary.BigEndian.PutUint32(b[12:], uint32(r.Failed))
	binary.BigEndian.PutUint32(b[16:], r.Landlock)
	binary.BigEndian.PutUint32(b[20:], uint32(len(text)))
	copy(b[32:], text)
	return b
}

// ParseReport reads the wire form. The bytes come from an engine: anything odd is refused, and the
// text is made printable.
func ParseReport(b [ReportSize]byte) (Report, error) {
	n := binary.BigEndian.Uint32(b[20:])
	if [8]byte(b[:8]) != reportMagic || n > textMax || !zeros(b[24:32]) {
		return Report{}, ErrForm
	}
	r := Report{
		Done:     Step(binary.BigEndian.Uint32(b[8:])),
		Failed:   Step(binary.BigEndian.Uint32(b[12:])),
		Landlock: binary.BigEndian.Uint32(b[16:]),
		Text:     printable(b[32 : 32+n]),
	}
	if (r.Done|r.Failed)&^AllSteps != 0 || r.Done&r.Failed != 0 || !zeros(b[32+n:]) {
		return Report{}, ErrForm
	}
	return r, nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '?'
		}
		return r
	}, string(b))
}
