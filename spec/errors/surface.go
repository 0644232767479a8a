package errors

// The codes of the API and the command line.
var (
	Unreachable = &Code{
		ID: "FN8001", Name: "unreachable", Title: "the daemon cannot be reached", Exit: ExitUnreachable, HTTP: 503, Retry: true,
		Cause: "Nothing listens on the socket, or the socket may not be opened by you.",
		Kept:  "Nothing was sent.",
		Hint:  "Start it with `fnode-supervisor run`, or name its socket with --socket or FNODE_SOCKET.",
	}
	VersionSkew = &Code{
		ID: "FN8002", Name: "version_skew", Title: "the daemon speaks another version of the API", Exit: ExitSkew, HTTP: 400,
		Cause: "fnctl and the daemon come from releases that do not share an API version.",
		Kept:  "The answer was not used.",
		Hint:  "Use the fnctl that was installed with the daemon: fnctl version shows both.",
	}
	Usage = &Code{
		ID: "FN8003", Name: "usage", Title: "the command line is wrong", Exit: ExitUsage, HTTP: 400,
		Cause: "A command, flag or argument is unknown, missing or out of range.",
		Kept:  "Nothing was sent to the daemon.",
		Hint:  "Add --help to the command to see its arguments and examples.",
	}
	BadRequest = &Code{
		ID: "FN8004", Name: "bad_request", Title: "the request cannot be read", Exit: ExitBadData, HTTP: 400,
		Cause: "The JSON, a query value or a path does not have the form that the API asks for.",
		Kept:  "Nothing was done.",
		Hint:  "Correct the value named in the error.",
	}
	TooLarge = &Code{
		ID: "FN8005", Name: "too_large", Title: "the request is larger than the limit", Exit: ExitBadData, HTTP: 413,
		Cause: "The body of a request, or the argument of a call, is bounded before it is read.",
		Kept:  "Nothing was done; the call never began.",
		Hint:  "Send less, or split the work into several calls.",
	}
	NoSuchPath = &Code{
		ID: "FN8006", Name: "no_such_path", Title: "there is nothing of that name", Exit: ExitNoSuch, HTTP: 404,
		Cause: "No node of the tree has that path, and no unique node ends with it.",
		Kept:  "Nothing was done.",
		Hint:  "fnctl tree -o name lists every path.",
	}
	AmbiguousPath = &Code{
		ID: "FN8007", Name: "ambiguous_path", Title: "the name fits more than one node", Exit: ExitUsage, HTTP: 409,
		Cause: "A short name is taken only where exactly one path ends with it.",
		Kept:  "Nothing was done.",
		Hint:  "Give the whole path.",
	}
	RoleDenied = &Code{
		ID: "FN8008", Name: "role_denied", Title: "your role does not permit this", Exit: ExitDenied, HTTP: 403,
		Cause: "The daemon derives roles from the uid and groups of the process at the other end of the socket.",
		Kept:  "Nothing was done.",
		Hint:  "fnctl whoami says which role you have and why; the table is the roles part of the api section.",
	}
	ShuttingDown = &Code{
		ID: "FN8009", Name: "shutting_down", Title: "the daemon is shutting down", Exit: ExitRetry, HTTP: 503, Retry: true,
		Cause: "The daemon was asked to stop and finishes what it has begun; it takes nothing new.",
		Kept:  "Nothing was done; the call never began.",
		Hint:  "Try again after retry_after, when the daemon has been started again.",
	}
	Busy = &Code{
		ID: "FN8010", Name: "api_busy", Title: "too many requests are under way", Exit: ExitRetry, HTTP: 503, Retry: true,
		Cause: "The API bounds how many calls and streams it serves at once.",
		Kept:  "Nothing was done; the call never began.",
		Hint:  "Try again after retry_after.",
	}
	KeyReused = &Code{
		ID: "FN8011", Name: "idempotency_key_reused", Title: "the idempotency key belongs to another request", Exit: ExitBadData, HTTP: 409,
		Cause: "The same key was used before with another verb, path or argument.",
		Kept:  "Nothing was done; the first request and its answer stand.",
		Hint:  "Use a new key for each new request.",
	}
	SocketInUse = &Code{
		ID: "FN8012", Name: "socket_in_use", Title: "another daemon listens on the socket", Exit: ExitRetry, HTTP: 409,
		Cause: "A process answered on the socket, so it is not a leftover.",
		Kept:  "The other daemon was not touched; nothing was started.",
		Hint:  "Stop the other daemon, or choose another socket with --socket.",
	}
	SocketBlocked = &Code{
		ID: "FN8013", Name: "socket_blocked", Title: "the socket cannot be made", Exit: ExitIO, HTTP: 500,
		Cause: "Something that is not a socket has the name, the folder is missing or closed to us, or the path is too long for the kernel.",
		Kept:  "What was there is untouched; nothing was started.",
		Hint:  "Choose another path with --socket; a Unix socket path has at most 107 bytes.",
	}
	NotReady = &Code{
		ID: "FN8014", Name: "not_ready", Title: "the daemon is not ready", Exit: ExitNo, HTTP: 503, Retry: true,
		Cause: "At least one of its checks fails, or it is still starting or already draining.",
		Kept:  "What runs goes on.",
		Hint:  "The checks that fail stand in the answer; fnctl why sup names the first cause.",
	}
	SurfaceFault = &Code{
		ID: "FN8015", Name: "surface_fault", Title: "the API failed on a request: this is our fault", Exit: ExitOurFault, HTTP: 500,
		Cause: "A handler panicked or returned an error that has no code.",
		Kept:  "The daemon goes on; outcome says whether the request may have had effects.",
		Hint:  "Please report it with the text of the error and the daemon's log.",
	}
	ClientTimeout = &Code{
		ID: "FN8016", Name: "client_timeout", Title: "no answer within the time given", Exit: ExitTimeout, HTTP: 504,
		Cause: "The daemon did not answer before the command's own timeout.",
		Kept:  "Outcome says whether the request may have had effects.",
		Hint:  "Raise --timeout, or look at the daemon: fnctl status.",
	}
	Interrupted = &Code{
		ID: "FN8017", Name: "interrupted", Title: "interrupted", Exit: ExitInterrupted, HTTP: 499,
		Cause: "The command was interrupted from the keyboard or by a signal.",
		Kept:  "Outcome says whether a request that was under way may have had effects.",
		Hint:  "Nothing, if it was meant.",
	}
	NoSuchCode = &Code{
		ID: "FN8018", Name: "no_such_code", Title: "there is no error code of that name", Exit: ExitNoSuch, HTTP: 404,
		Cause: "The table of this release has no such code.",
		Kept:  "Nothing was done.",
		Hint:  "fnctl explain without an argument lists every code.",
	}
	BadEventID = &Code{
		ID: "FN8019", Name: "bad_event_id", Title: "that is not the id of an event", Exit: ExitBadData, HTTP: 400,
		Cause: "An event id is the boot id, a dash and a sequence number that has been reached.",
		Kept:  "Nothing was done.",
		Hint:  "Take the id from an event, leave --since out for all that is kept, or say now.",
	}
	ConnectionLost = &Code{
		ID: "FN8020", Name: "connection_lost", Title: "the connection broke before the answer", Exit: ExitUnreachable, HTTP: 502,
		Cause: "The daemon ended, or was killed, while it had the request.",
		Kept:  "Outcome says whether the request may have had effects.",
		Hint:  "Look whether the daemon runs: fnctl status. Repeat the request if outcome is none or it is idempotent.",
	}
	NotRunning = &Code{
		ID: "FN8021", Name: "not_running", Title: "it is not running", Exit: ExitNotRunning, HTTP: 409,
		Cause: "The node exists but has no live incarnation.",
		Kept:  "Nothing was done.",
		Hint:  "fnctl why PATH names the cause; fnctl start PATH starts it.",
	}
	NoSuchRoute = &Code{
		ID: "FN8022", Name: "no_such_route", Title: "the daemon does not know that request", Exit: ExitSkew, HTTP: 404,
		Cause: "The URL or its method is not part of this daemon's API.",
		Kept:  "Nothing was done.",
		Hint:  "Use the fnctl that was installed with the daemon: fnctl version shows both.",
	}
	AnswerNotKept = &Code{
		ID: "FN8023", Name: "answer_not_kept", Title: "the first answer under this key was too large to keep", Exit: ExitNo, HTTP: 409,
		Cause: "A request with this idempotency key was carried out, and its answer exceeds what is kept for repeats.",
		Kept:  "The request was carried out once and is not carried out again.",
		Hint:  "Read the result another way, or use a new key to carry the request out again.",
	}
	DoctorFailed = &Code{
		ID: "FN8024", Name: "doctor_failed", Title: "at least one check fails", Exit: ExitNo, HTTP: 503,
		Cause: "A live self-test shows that this host or this daemon lacks something.",
		Kept:  "Nothing was changed.",
		Hint:  "Each failed check says how to get what is missing.",
	}
	InputMissing = &Code{
		ID: "FN8025", Name: "input_missing", Title: "the input cannot be opened", Exit: ExitNoInput, HTTP: 404,
		Cause: "The file or folder named does not exist or may not be read by you.",
		Kept:  "Nothing was done.",
		Hint:  "Check the name and its permissions.",
	}
	OutputFailed = &Code{
		ID: "FN8026", Name: "output_failed", Title: "the output cannot be written", Exit: ExitIO, HTTP: 500,
		Cause: "The disk is full, the pipe was closed, or the target may not be written by you.",
		Kept:  "What was asked of the daemon was done.",
		Hint:  "Make room or choose another target.",
	}
)

var surfaceCodes = []*Code{
	Unreachable, VersionSkew, Usage, BadRequest, TooLarge, NoSuchPath, AmbiguousPath, RoleDenied, ShuttingDown, Busy,
	KeyReused, SocketInUse, SocketBlocked, NotReady, SurfaceFault, ClientTimeout, Interrupted, NoSuchCode, BadEventID,
	ConnectionLost, NotRunning, NoSuchRoute, AnswerNotKept, DoctorFailed, InputMissing, OutputFailed,
}
