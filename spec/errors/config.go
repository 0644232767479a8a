package errors

// The codes of the configuration.
var (
	BadConfig = &Code{
		ID: "FN6001", Name: "bad_config", Title: "the configuration is not valid", Exit: ExitConfig, HTTP: 422,
		Cause: "The file does not parse, has an unknown key, or a value that breaks a rule.",
		Kept:  "Nothing was started or changed.",
		Hint:  "Mend the places given; fnctl config check FILE checks without starting.",
	}
	ConfigMissing = &Code{
		ID: "FN6002", Name: "config_missing", Title: "the configuration cannot be read", Exit: ExitNoInput, HTTP: 404,
		Cause: "The file or folder does not exist, or may not be read by this user.",
		Kept:  "Nothing was started.",
		Hint:  "Check the path.",
	}
	NoExtensions = &Code{
		ID: "FN6003", Name: "no_extensions", Title: "there is no extension in the folder", Exit: ExitNoInput, HTTP: 404,
		Cause: "No sub-folder has a package.json with an fnode field, and there is no .fnpkg file.",
		Kept:  "Nothing was started.",
		Hint:  "Name the folder above the extensions' folders.",
	}
)

var configCodes = []*Code{BadConfig, ConfigMissing, NoExtensions}
