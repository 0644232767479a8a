package errors

// The codes of the lab.
var (
	LabViolation = &Code{
		ID: "FN9001", Name: "lab_violation", Title: "a schedule of the scenario breaks what it promises", Exit: ExitNo, HTTP: 409,
		Cause: "A check of the scenario, or an oracle of the lab, does not hold in at least one run.",
		Kept:  "The run is kept as a trace file, where one could be written.",
		Hint:  "fnctl lab show FILE draws the run; fnctl lab replay FILE takes it again, step by step.",
	}
	LabEscape = &Code{
		ID: "FN9002", Name: "lab_escape", Title: "the scenario leaves the lab's control", Exit: ExitNo, HTTP: 409,
		Cause: "The same schedule gave another run: wall time, map order, randomness or a goroutine of its own decides.",
		Kept:  "What was found before it is reported; it is no proof.",
		Hint:  "Take time, randomness and goroutines from Cx, and sort the keys of a map before walking it.",
	}
	LabStuck = &Code{
		ID: "FN9003", Name: "lab_stuck", Title: "a handler made no step in the lab", Exit: ExitNo, HTTP: 409,
		Cause: "A handler waits, or computes, without an effect and without a Checkpoint.",
		Kept:  "What was found before it is reported; its goroutine cannot be ended and stays.",
		Hint:  "Handlers never block: make the wait a message, and call cx.Checkpoint in long loops.",
	}
	LabDiffers = &Code{
		ID: "FN9004", Name: "lab_differs", Title: "the replay differs from the recorded run", Exit: ExitBadData, HTTP: 409,
		Cause: "The program has changed since, or the file was.",
		Kept:  "The replay stops at the first difference.",
		Hint:  "Explore again to get a trace of the program as it is now.",
	}
	LabNoScenario = &Code{
		ID: "FN9005", Name: "lab_no_scenario", Title: "there is no scenario of that name", Exit: ExitNoSuch, HTTP: 404,
		Cause: "The name, or the number and form of its arguments, is unknown.",
		Kept:  "Nothing was run.",
		Hint:  "fnctl lab list shows every scenario with its arguments.",
	}
	LabBadTrace = &Code{
		ID: "FN9006", Name: "lab_bad_trace", Title: "the trace file cannot be read", Exit: ExitBadData, HTTP: 400,
		Cause: "It is no trace of the lab, is cut off, was altered, or is of a newer version.",
		Kept:  "Nothing was run.",
		Hint:  "Record the run again; a trace ends with a line that holds its hash.",
	}
)

var labCodes = []*Code{LabViolation, LabEscape, LabStuck, LabDiffers, LabNoScenario, LabBadTrace}
