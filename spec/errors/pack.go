package errors

// The codes of packages.
var (
	NoPackage = &Code{
		ID: "FN7001", Name: "no_package", Title: "there is no package", Exit: ExitNoInput, HTTP: 404,
		Cause: "The path is neither a folder with a package.json nor a .fnpkg archive.",
		Kept:  "Nothing was started.",
		Hint:  "Name the extension's folder.",
	}
	BadManifest = &Code{
		ID: "FN7002", Name: "bad_manifest", Title: "the package's manifest is not valid", Exit: ExitBadData, HTTP: 422,
		Cause: "package.json is not well-formed, or its fnode field breaks a rule.",
		Kept:  "Nothing was started.",
		Hint:  "Mend the place given; fnctl ext pack DIR checks it.",
	}
	BundleFailed = &Code{
		ID: "FN7003", Name: "bundle_failed", Title: "the package's code does not bundle", Exit: ExitBadData, HTTP: 422,
		Cause: "A file does not parse, or an import does not resolve.",
		Kept:  "Nothing was started.",
		Hint:  "Mend the place given.",
	}
	MissingDependency = &Code{
		ID: "FN7004", Name: "missing_dependency", Title: "a dependency is not installed", Exit: ExitBadData, HTTP: 422,
		Cause: "The package imports a module that is not in its node_modules.",
		Kept:  "Nothing was started.",
		Hint:  "Run npm ci --ignore-scripts in the package's folder.",
	}
	BadArchive = &Code{
		ID: "FN7005", Name: "bad_archive", Title: "the archive is not one that pack writes", Exit: ExitBadData, HTTP: 422,
		Cause: "The file is damaged, cut off, or no .fnpkg.",
		Kept:  "Nothing was started.",
		Hint:  "Make it anew: fnctl ext pack DIR.",
	}
)

var packageCodes = []*Code{NoPackage, BadManifest, BundleFailed, MissingDependency, BadArchive}
