package inside

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestGateSurvivesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Gate{
			Steps:        Step(rapid.Uint32Range(0, uint32(AllSteps)).Draw(t, "steps")),
			OpenFiles:    rapid.Uint32().Draw(t, "files"),
			AddressSpace: rapid.Uint64().Draw(t, "space"),
		}
		got, err := ReadGate(bytes.NewReader(g.Marshal()))
		if err != nil || got != g {
			t.Fatalf("got %+v, %v; want %+v", got, err, g)
		}
	})
}

func TestGateRefusesWhatItDoesNotKnow(t *testing.T) {
	good := [GateSize]byte(Gate{Steps: AllSteps}.Marshal())
	for name, spoil := range map[string]func(b *[GateSize]byte){
		"magic":        func(b *[GateSize]byte) { b[0] ^= 1 },
		"version":      func(b *[GateSize]byte) { b[7]++ },
		"unknown step": func(b *[GateSize]byte) { b[8] = 0x80 },
		"spare bytes":  func(b *[GateSize]byte) { b[63] = 1 },
	} {
		b := good
		spoil(&b)
		if g, err := ParseGate(b); err == nil {
			t.Errorf("%s: accepted as %+v", name, g)
		}
	}
	if _, err := ReadGate(bytes.NewReader(good[:40])); err == nil {
		t.Error("a short gate was accepted")
	}
}

func TestReportTextIsBoundedAndPrintable(t *testing.T) {
	r := Report{Done: StepMDWE, Failed: StepLandlock, Landlock: 7, Text: strings.Repeat("x\x1b[31m", 500)}
	got, err := ParseReport([ReportSize]byte(r.Marshal()))
	if err != nil || len(got.Text) != textMax || strings.ContainsRune(got.Text, 0x1b) {
		t.Fatalf("got %d bytes %.30q, %v", len(got.Text), got.Text, err)
	}
	if got.Done != r.Done || got.Failed != r.Failed || got.Landlock != 7 {
		t.Fatalf("got %+v", got)
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add(Report{Done: StepMDWE | StepLandlock, Landlock: 7}.Marshal())
	f.Add(Report{Failed: StepEmptyRoot, Text: "empty_root: EPERM"}.Marshal())
	f.Add(make([]byte, ReportSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != ReportSize {
			return
		}
		r, err := ParseReport([ReportSize]byte(b))
		if err != nil {
			return
		}
		if r.Done&r.Failed != 0 || r.Done&^AllSteps != 0 || len(r.Text) > 3*textMax {
			t.Fatalf("accepted %+v", r)
		}
	})
}

func FuzzParseGate(f *testing.F) {
	f.Add(Gate{Steps: AllSteps, OpenFiles: 16}.Marshal())
	f.Add(make([]byte, GateSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != GateSize {
			return
		}
		if g, err := ParseGate([GateSize]byte(b)); err == nil && !bytes.Equal(g.Marshal(), b) {
			t.Fatalf("%x was read as %+v, which is written %x", b, g, g.Marshal())
		}
	})
}

func TestLandlockTakesOnlyRightsThatTheABIKnows(t *testing.T) {
	for abi, want := range map[int]struct {
		fs, net, scoped uint64
		size            uintptr
	}{
		1: {0x1fff, 0, 0, 8}, 2: {0x3fff, 0, 0, 8}, 3: {0x7fff, 0, 0, 8}, 4: {0x7fff, 3, 0, 16},
		5: {0xffff, 3, 0, 16}, 6: {0xffff, 3, 3, 24}, 7: {0xffff, 3, 3, 24},
	} {
		a, size := landlockRights(abi)
		if a != (landlockAttr{want.fs, want.net, want.scoped}) || size != want.size {
			t.Errorf("ABI %d: got %#x size %d, want %#x", abi, a, size, want)
		}
	}
}

func TestLimitsLeaveRoomForTheRuntime(t *testing.T) {
	l := Gate{}.Limits()
	if l[unix.RLIMIT_AS] < 1400<<20 {
		t.Errorf("address space %d: a Go runtime dies below 1.4 GiB", l[unix.RLIMIT_AS])
	}
	if l[unix.RLIMIT_FSIZE] != 0 || l[unix.RLIMIT_CORE] != 0 || l[unix.RLIMIT_NOFILE] != 16 {
		t.Errorf("got %v", l)
	}
}
