package isolation

import "testing"

func TestTheLastWordsOfACrashAreTheLineThatNamesIt(t *testing.T) {
	for text, want := range map[string]string{
		"fnode-engine: the pipe broke\n": "fnode-engine: the pipe broke",
		"warm\nSIGQUIT: quit\nPC=0x1 m=0 sigcode=0\n\ngoroutine 0\n\nrax 0x1\ngs     0x0\n":         "SIGQUIT: quit",
		"panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n":         "panic: runtime error: index out of range",
		"fatal error: newosproc\n\nruntime stack:\nruntime.throw\npanic: later\n\tx\nexit status 2": "fatal error: newosproc",
		"": "",
	} {
		if got := lastWords([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
