package supervision_test

import (
	"slices"
	"testing"
)

// otpDiffers are the cases in which this supervisor differs from OTP's on purpose, and why. docs/otp.md says more.
var otpDiffers = map[string]struct {
	why      string
	hostOnly bool // the core alone is identical: there a start takes no time
}{
	"nest-sup-timeout-orphan":  {"nothing lives without an owner (R1): what a killed supervisor owned is killed with it", false},
	"rf-stop-while-restarting": {"a stop overtakes a start under way (R2, R5); OTP waits until the start function returns", false},
	"busy-crash-then-stop":     {"a stop overtakes a restart that came before it (S3): a region that closes starts nothing", true},
}

// TestOTPCasesInThePureCore runs every recorded case of OTP's supervisor against supervision/core alone.
func TestOTPCasesInThePureCore(t *testing.T) { runOTP(t, false, runOTPInCore) }

// TestOTPCasesOnTheProductionHost runs every recorded case of OTP's supervisor on the host of production.
func TestOTPCasesOnTheProductionHost(t *testing.T) { runOTP(t, true, runOTPOnHost) }

// runOTP runs every case in one world: the same events in the same order, notifications, final state, exit and answers.
// Those that are listed must differ, and end as OTP's all the same; quirks may.
func runOTP(t *testing.T, onHost bool, run func(*testing.T, otpCase) otpResult) {
	same := 0
	cases := loadOTP(t)
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			got := run(t, c)
			d := c.compare(got)
			if d == "" {
				same++
			}
			listed, on := otpDiffers[c.ID]
			switch on = on && (onHost || !listed.hostOnly); {
			case c.Quirk != nil:
			case on && d == "":
				t.Error("it is listed as different, and is not: take it off the list")
			case on && got.exit != reasonIn(c.Expected.SupervisorExit):
				t.Errorf("it differs on purpose, and also ends with %s, want %s", got.exit, c.Expected.SupervisorExit)
			case !on && d != "":
				t.Errorf("%s\n%s", c.Title, d)
			}
		})
	}
	t.Logf("%d of %d cases are identical", same, len(cases))
}

// compare says how a result differs from what OTP did; "" is identical. A refused tree is compared by the fault that is
// named, and nothing of it may have been started.
func (c otpCase) compare(got otpResult) string {
	if fault, named := faultNamed(c.Expected.StartResult, got.faults[0]); fault != "" {
		switch {
		case !named:
			return "the fault " + fault + " is not named: " + string(reasonFrom(got.faults[0]))
		case !slices.Equal(got.events, []string{"start top#1", `start_failed top#1 "any"`}):
			return "a tree with a bad spec was begun: " + string(reasonFrom(got.events))
		}
		return ""
	}
	c.Expected.Events = withoutRefused(c.Expected.Events)
	if d := c.Expected.differs(got); d != "" {
		return d
	}
	return c.differsInReplies(got)
}

// withoutRefused leaves the attempt out that OTP makes to start a supervisor with a bad spec: here the request is
// refused, and nothing is started.
func withoutRefused(events []otpEvent) []otpEvent {
	refused := map[string]bool{}
	for _, e := range events {
		if fault, _ := faultNamed(e.Reason, nil); e.Ev == "start_failed" && fault != "" {
			refused[otpRef(e.Child, e.N)] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(events), func(e otpEvent) bool { return e.Lanes == nil && e.Ev != "step" && refused[otpRef(e.Child, e.N)] })
}
