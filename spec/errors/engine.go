package errors

// The codes of engines and extensions.
var (
	ExtensionThrew = &Code{
		ID: "FN3001", Name: "extension_threw", Title: "the extension's code failed", Exit: ExitNo, HTTP: 422,
		Cause: "The method threw or rejected; its frames point into the author's files.",
		Kept:  "The engine goes on; this is no crash and costs no restart.",
		Hint:  "Mend the code at the first frame, or the input.",
	}
	EngineDied = &Code{
		ID: "FN3002", Name: "engine_died", Title: "the engine process ended in the middle of the call", Exit: ExitNo, HTTP: 502, Retry: true,
		Cause: "It was killed, crashed, or ran into a limit of its sandbox; the reason stands in the error.",
		Kept:  "The extension is restarted after its backoff; other extensions never notice.",
		Hint:  "fnctl why PATH; call again if the method is idempotent.",
	}
	EngineDeadline = &Code{
		ID: "FN3003", Name: "call_deadline", Title: "the call did not end by its deadline", Exit: ExitTimeout, HTTP: 504,
		Cause: "The method ran longer than the call allows.",
		Kept:  "The engine was interrupted, or killed where it could not be; it answers the next call.",
		Hint:  "Raise the call's timeout or limits.invoke, or make the method faster.",
	}
	CallCancelled = &Code{
		ID: "FN3004", Name: "call_cancelled", Title: "the call was cancelled", Exit: ExitNo, HTTP: 499,
		Cause: "The caller went away or took the call back.",
		Kept:  "Outcome says whether it may have had effects.",
		Hint:  "Nothing, if that was meant.",
	}
	EngineOOM = &Code{
		ID: "FN3005", Name: "engine_out_of_memory", Title: "the extension ran out of memory", Exit: ExitNo, HTTP: 507,
		Cause: "The JavaScript heap limit or the memory limit of the cgroup was reached; the reason says which.",
		Kept:  "The instance is retired and a new one started; other extensions never notice.",
		Hint:  "Use less memory, or raise limits.heap and limits.memory in the package.",
	}
	EngineProtocol = &Code{
		ID: "FN3006", Name: "engine_protocol", Title: "the engine broke the pipe protocol", Exit: ExitNo, HTTP: 502,
		Cause: "It sent a malformed, oversized, out-of-order or unexpected frame.",
		Kept:  "The engine was killed at once; nothing that it sent was acted upon.",
		Hint:  "An engine that ships does not do this: please report it.",
	}
	QueueFull = &Code{
		ID: "FN3007", Name: "queue_full", Title: "the extension's queue is full", Exit: ExitRetry, HTTP: 503, Retry: true,
		Cause: "Calls arrive faster than the extension answers them.",
		Kept:  "The call never began.",
		Hint:  "Try again after retry_after.",
	}
	UnknownMethod = &Code{
		ID: "FN3008", Name: "unknown_method", Title: "the extension has no such method", Exit: ExitNoSuch, HTTP: 404,
		Cause: "The package's manifest does not declare the method.",
		Kept:  "The call never began.",
		Hint:  "fnctl describe PATH lists the methods.",
	}
	BadInput = &Code{
		ID: "FN3009", Name: "bad_input", Title: "the argument is not valid JSON", Exit: ExitBadData, HTTP: 400,
		Cause: "The argument of a call is one JSON value.",
		Kept:  "The call never began.",
		Hint:  "Mend the argument at the position given; in a shell, quote it.",
	}
	InputTooLarge = &Code{
		ID: "FN3010", Name: "input_too_large", Title: "the argument is too large", Exit: ExitBadData, HTTP: 413,
		Cause: "The argument is over the size that one call may carry.",
		Kept:  "The call never began.",
		Hint:  "Send less in one call.",
	}
	ResultTooLarge = &Code{
		ID: "FN3011", Name: "result_too_large", Title: "the result is too large", Exit: ExitNo, HTTP: 507,
		Cause: "The method's result is over the size that one call may answer.",
		Kept:  "The method ran to its end; its effects happened.",
		Hint:  "Answer less in one call.",
	}
	EngineMissing = &Code{
		ID: "FN3012", Name: "engine_missing", Title: "there is no engine binary", Exit: ExitNoInput, HTTP: 503,
		Cause: "fnode-engine stands neither beside the daemon's binary nor where --engine says.",
		Kept:  "Nothing was started.",
		Hint:  "make build puts both into bin/; or name it with --engine PATH.",
	}
	EngineRefused = &Code{
		ID: "FN3013", Name: "engine_refused", Title: "the engine refused the handshake", Exit: ExitSkew, HTTP: 502,
		Cause: "Supervisor and engine do not speak the same protocol or interface; the reason stands in the error.",
		Kept:  "Nothing of the activation is left.",
		Hint:  "Rebuild both binaries from one version.",
	}
	LoadFailed = &Code{
		ID: "FN3017", Name: "load_failed", Title: "the package does not load", Exit: ExitBadData, HTTP: 422,
		Cause: "Its code threw while it was loaded, took too long, used up the heap, or lacks a method that it declares.",
		Kept:  "Nothing of the activation is left.",
		Hint:  "Mend the code at the position given.",
	}
	EngineStart = &Code{
		ID: "FN3014", Name: "engine_start", Title: "the engine did not start", Exit: ExitNo, HTTP: 503, Retry: true,
		Cause: "The process could not be made, or was not ready in time.",
		Kept:  "Nothing of the start is left; it is tried again after the backoff.",
		Hint:  "fnctl doctor shows what this host lacks.",
	}
	ExtensionDown = &Code{
		ID: "FN3015", Name: "extension_down", Title: "the extension takes no calls now", Exit: ExitRetry, HTTP: 503, Retry: true,
		Cause: "It is stopped, stopping, or not started.",
		Kept:  "The call never began.",
		Hint:  "fnctl tree shows its state; fnctl start PATH starts a stopped one.",
	}
	HostCallDenied = &Code{
		ID: "FN3016", Name: "host_call_denied", Title: "the extension may not ask the host for that", Exit: ExitDenied, HTTP: 403,
		Cause: "The package's manifest does not list the capability, or there is no such host call.",
		Kept:  "Nothing was done.",
		Hint:  "List the capability in the manifest's fnode.capabilities.",
	}
)

var engineCodes = []*Code{
	ExtensionThrew, EngineDied, EngineDeadline, CallCancelled, EngineOOM, EngineProtocol, QueueFull, UnknownMethod, BadInput,
	InputTooLarge, ResultTooLarge, EngineMissing, EngineRefused, LoadFailed, EngineStart, ExtensionDown, HostCallDenied,
}
