package errors

// The codes of isolation.
var (
	LayersMissing = &Code{
		ID: "FN4001", Name: "layers_missing", Title: "this host cannot give every layer that the profile requires", Exit: ExitDenied, HTTP: 503,
		Cause: "A layer of the profile is not available to the supervisor here, or is not built yet.",
		Kept:  "Nothing was started; no process and no cgroup is left.",
		Hint:  "Do what stands beside each layer, choose another profile, or run with --allow-degraded: the instance is then labelled for ever.",
	}
	UnknownProfile = &Code{
		ID: "FN4002", Name: "unknown_profile", Title: "no such isolation profile", Exit: ExitConfig, HTTP: 400,
		Cause: "The profile's name is not one of strict, strict_plus, moderate, permissive.",
		Kept:  "Nothing was started.",
		Hint:  "Name one of the four profiles.",
	}
	SpawnFailed = &Code{
		ID: "FN4003", Name: "spawn_failed", Title: "the engine process could not be started", Exit: ExitOurFault, HTTP: 500, Retry: true,
		Cause: "The kernel refused to make the process or to execute the engine's file.",
		Kept:  "No process is left.",
		Hint:  "The error names the system call. Check that the engine's file exists and is executable: fnctl doctor.",
	}
	GateFailed = &Code{
		ID: "FN4004", Name: "gate_failed", Title: "the engine did not enter its sandbox", Exit: ExitOurFault, HTTP: 502, Retry: true,
		Cause: "Before the protocol begins the engine must report its sandbox; it ended, stayed silent, or sent something else.",
		Kept:  "The process was killed; no extension code had been loaded.",
		Hint:  "Look at the engine's last words in the error. A program that is no fnode engine must be started without a gate.",
	}
	IsolationClosed = &Code{
		ID: "FN4005", Name: "isolation_closed", Title: "isolation is closed and starts nothing more", Exit: ExitRetry, HTTP: 503,
		Cause: "The supervisor is shutting down.",
		Kept:  "Nothing was started.",
		Hint:  "Wait for the shutdown to end, then start it again.",
	}
	OrphansStay = &Code{
		ID: "FN4006", Name: "orphans_stay", Title: "processes of a crashed supervisor cannot be removed", Exit: ExitOurFault, HTTP: 500, Retry: true,
		Cause: "A group that an earlier run left behind holds processes that do not die, or cannot be removed by this user.",
		Kept:  "Nothing new was started beside them.",
		Hint:  "Run the supervisor as the same user as before, or remove the named group by hand.",
	}
	LayerLost = &Code{
		ID: "FN4007", Name: "layer_lost", Title: "the engine lacks a layer that it had announced", Exit: ExitOurFault, HTTP: 502,
		Cause: "The engine said that it was ready, and the kernel says that a layer is not in force.",
		Kept:  "The process was killed before it got a call.",
		Hint:  "Use the engine that came with this version; fnctl doctor tests it.",
	}
	IsolationOptions = &Code{
		ID: "FN4008", Name: "isolation_options", Title: "isolation was asked for something impossible", Exit: ExitConfig, HTTP: 400,
		Cause: "An option of isolation is out of its range; the error lists every fault.",
		Kept:  "Nothing was started.",
		Hint:  "Mend the options named in the error.",
	}
)

var isolationCodes = []*Code{
	LayersMissing, UnknownProfile, SpawnFailed, GateFailed, IsolationClosed, OrphansStay, LayerLost, IsolationOptions,
}
