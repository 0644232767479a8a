package errors

// The kernel's codes.
var (
	LaneFull = &Code{
		ID: "FN1001", Name: "lane_full", Title: "the receiver's lane is full", Exit: ExitRetry, HTTP: 503, Retry: true,
		Cause: "Messages arrive faster than the actor handles them, and its lane refuses what does not fit.",
		Kept:  "Nothing was queued; the sender still owns the message.",
		Hint:  "Try again after retry_after, or raise the lane's capacity.",
	}
	Gone = &Code{
		ID: "FN1002", Name: "gone", Title: "the receiver is gone", Exit: ExitNoSuch, HTTP: 410,
		Cause: "The actor has ended and no incarnation follows.",
		Kept:  "Nothing was queued; the sender still owns the message.",
		Hint:  "Look the actor up again: fnctl tree.",
	}
	NoReply = &Code{
		ID: "FN1003", Name: "no_reply", Title: "the question was not answered", Exit: ExitOurFault, HTTP: 500,
		Cause: "The actor's handler returned without replying, keeping or handing on the question.",
		Kept:  "The actor goes on; the asker was told at once.",
		Hint:  "This is a fault of the asked actor; its path stands in the error.",
	}
	AskLost = &Code{
		ID: "FN1004", Name: "ask_lost", Title: "the asked actor ended before it answered", Exit: ExitNo, HTTP: 502,
		Cause: "The incarnation that held the question ended, or the queue that held it was dropped.",
		Kept:  "Outcome says whether the question may have had effects.",
		Hint:  "Ask again if the method is idempotent or the outcome is none.",
	}
	AskTimeout = &Code{
		ID: "FN1005", Name: "ask_timeout", Title: "no answer before the deadline", Exit: ExitTimeout, HTTP: 504,
		Cause: "The asked actor did not answer in time.",
		Kept:  "A late answer is dropped and counted.",
		Hint:  "Raise the timeout, or look at the actor: fnctl describe PATH.",
	}
	CapabilityDenied = &Code{
		ID: "FN1006", Name: "capability_denied", Title: "the actor does not hold that capability", Exit: ExitDenied, HTTP: 403,
		Cause: "Capabilities only narrow downwards; this one was not granted to the actor.",
		Kept:  "Nothing was done.",
		Hint:  "Grant the capability in the spec of the actor's parent.",
	}
	RegionClosing = &Code{
		ID: "FN1007", Name: "region_closing", Title: "the region is closing and takes no new work", Exit: ExitRetry, HTTP: 503,
		Cause: "A close was requested for the region or for one above it.",
		Kept:  "Nothing was started.",
		Hint:  "Wait for the close to end: fnctl tree shows the state.",
	}
	TimerRefused = &Code{
		ID: "FN1008", Name: "timer_refused", Title: "no room for another timer", Exit: ExitRetry, HTTP: 503, Retry: true,
		Cause: "Arming a timer reserves its slot in the Timed lane, and that lane is full.",
		Kept:  "No timer was armed.",
		Hint:  "Disarm timers that are no longer needed, or raise the lane's capacity.",
	}
	Invariant = &Code{
		ID: "FN1009", Name: "invariant", Title: "a rule of the kernel was broken: this is our fault", Exit: ExitOurFault, HTTP: 500,
		Cause: "The program found itself in a state that its own rules exclude.",
		Kept:  "The smallest enclosing region was stopped.",
		Hint:  "Please report it with the text of the error.",
	}
	Cancelled = &Code{
		ID: "FN1010", Name: "cancelled", Title: "cancelled", Exit: ExitNo, HTTP: 499,
		Cause: "A cancel request was accepted for the actor or its region.",
		Kept:  "Outcome says whether the cut-off work may have had effects.",
		Hint:  "Nothing, if the cancel was meant.",
	}
	NameTaken = &Code{
		ID: "FN1012", Name: "name_taken", Title: "an actor of that path exists already", Exit: ExitBadData, HTTP: 409,
		Cause: "Siblings have distinct names.",
		Kept:  "Nothing was started.",
		Hint:  "Choose another name, or stop the actor that has it.",
	}
	NoStore = &Code{
		ID: "FN1014", Name: "no_store", Title: "this process has no durable store", Exit: ExitOurFault, HTTP: 500,
		Cause: "An actor read or committed durable state in a process that was started without a store.",
		Kept:  "Nothing was written.",
		Hint:  "Start the host with a store.",
	}
	BadChild = &Code{
		ID: "FN1013", Name: "bad_child", Title: "the child cannot be started like this", Exit: ExitBadData, HTTP: 400,
		Cause: "A child needs a behaviour and a usable name.",
		Kept:  "Nothing was started.",
		Hint:  "Mend the child's spec.",
	}
	NotSendable = &Code{
		ID: "FN1015", Name: "not_sendable", Title: "a message of that type cannot be sent like this", Exit: ExitBadData, HTTP: 400,
		Cause: "It is one that only the kernel sends, or its lane is not the one in which a place was promised.",
		Kept:  "Nothing was sent.",
		Hint:  "Send a type of your own; stop an actor through its supervisor, and send Timed messages without a permit.",
	}
)

var kernelCodes = []*Code{
	NameTaken, BadChild, NoStore, NotSendable,
	LaneFull, Gone, NoReply, AskLost, AskTimeout, CapabilityDenied, RegionClosing, TimerRefused, Invariant, Cancelled,
}
