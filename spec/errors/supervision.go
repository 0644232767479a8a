package errors

// The codes of supervision and regions.
var (
	BudgetExceeded = &Code{
		ID: "FN2001", Name: "budget_exceeded", Title: "a supervisor's restart budget is exceeded", Exit: ExitOurFault, HTTP: 503,
		Cause: "Children ended more often than the budget allows in its window.",
		Kept:  "The supervisor stopped its children and failed to its own parent.",
		Hint:  "fnctl why PATH names the first cause; mend it, or raise the budget in the configuration.",
	}
	ChildWedged = &Code{
		ID: "FN2002", Name: "child_wedged", Title: "a child cannot be stopped", Exit: ExitOurFault, HTTP: 503,
		Cause: "A handler of the child does not return; handlers cannot be killed in Go.",
		Kept:  "The child is fenced: its effects are refused. Its supervisor fails upwards.",
		Hint:  "The path names the handler's actor; restart the daemon once the cause is known.",
	}
	BootFailed = &Code{
		ID: "FN2003", Name: "boot_failed", Title: "a supervisor's child did not start", Exit: ExitOurFault, HTTP: 503,
		Cause: "A child of the first start failed, or was not ready in time.",
		Kept:  "Siblings that had started were stopped in reverse order.",
		Hint:  "The cause follows in the error; fnctl why PATH shows it.",
	}
	BadTree = &Code{
		ID: "FN2004", Name: "bad_tree", Title: "the supervision tree is not valid", Exit: ExitConfig, HTTP: 400,
		Cause: "The spec breaks rules; all faults are listed.",
		Kept:  "Nothing was started or changed.",
		Hint:  "Mend the listed fields.",
	}
	NoSuchChild = &Code{
		ID: "FN2005", Name: "no_such_child", Title: "there is no such child", Exit: ExitNoSuch, HTTP: 404,
		Cause: "The supervisor has no child of that name.",
		Kept:  "Nothing was changed.",
		Hint:  "fnctl tree shows the names.",
	}
	ChildRunning = &Code{
		ID: "FN2006", Name: "child_running", Title: "the child runs", Exit: ExitNo, HTTP: 409,
		Cause: "Only the spec of a child that is down can be removed, and only a child that is down can be started.",
		Kept:  "The child still runs; nothing was changed.",
		Hint:  "fnctl stop PATH first.",
	}
	ChildPresent = &Code{
		ID: "FN2007", Name: "child_present", Title: "there is a child of that name already", Exit: ExitNo, HTTP: 409,
		Cause: "Names are unique among siblings.",
		Kept:  "Nothing was changed.",
		Hint:  "Choose another name.",
	}
	ChildRestarting = &Code{
		ID: "FN2010", Name: "child_restarting", Title: "the child is about to be started again", Exit: ExitNo, HTTP: 409,
		Cause: "It ended or did not start, and its restart waits for its delay.",
		Kept:  "Its restart is still to come; nothing was changed.",
		Hint:  "fnctl restart PATH starts it now; fnctl stop PATH calls the restart off.",
	}
	ChildQuarantined = &Code{
		ID: "FN2011", Name: "child_quarantined", Title: "the child is in quarantine", Exit: ExitNo, HTTP: 409,
		Cause: "It failed too often within the window of its crash_loop, and there is no known-good version to move to, or that one failed too.",
		Kept:  "Its spec and history. What waited for it was answered; its siblings are unchanged.",
		Hint:  "fnctl why PATH names the cause; mend it, then fnctl restart PATH releases the child.",
	}
	SupervisorClosing = &Code{
		ID: "FN2008", Name: "supervisor_closing", Title: "the supervisor is closing", Exit: ExitRetry, HTTP: 503,
		Cause: "Its region closes, so that requests are not taken any more.",
		Kept:  "Nothing was changed.",
		Hint:  "Ask again when it runs.",
	}
	StartFailed = &Code{
		ID: "FN2009", Name: "start_failed", Title: "the child did not start", Exit: ExitNo, HTTP: 502,
		Cause: "Its start failed, declined, or was not ready in time.",
		Kept:  "Its siblings are unchanged.",
		Hint:  "fnctl why PATH shows the cause.",
	}
)

var supervisionCodes = []*Code{
	BudgetExceeded, ChildWedged, BootFailed, BadTree, NoSuchChild, ChildRunning, ChildRestarting, ChildQuarantined, ChildPresent, SupervisorClosing, StartFailed,
}
