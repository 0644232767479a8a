package errors

// The store's codes.
var (
	BadTx = &Code{
		ID: "FN5001", Name: "bad_tx", Title: "the transaction is out of bounds", Exit: ExitBadData, HTTP: 400,
		Cause: "A key, a value or the number of writes is over its bound, or the transaction is empty.",
		Kept:  "Nothing was written.",
		Hint:  "Split the transaction, or make the value smaller.",
	}
	Conflict = &Code{
		ID: "FN5002", Name: "conflict", Title: "the state is not what the transaction expects", Exit: ExitRetry, HTTP: 409, Retry: true,
		Cause: "Another commit changed the key first.",
		Kept:  "Nothing was written.",
		Hint:  "Read the key again and decide anew.",
	}
	QuotaExceeded = &Code{
		ID: "FN5003", Name: "quota_exceeded", Title: "the quota of the key space would be exceeded", Exit: ExitNo, HTTP: 507,
		Cause: "The transaction would make the extension's key space larger than it was granted.",
		Kept:  "Nothing was written.",
		Hint:  "Delete keys, or grant a larger quota in the extension's limits.",
	}
	StoreLocked = &Code{
		ID: "FN5004", Name: "store_locked", Title: "another daemon uses the data directory", Exit: ExitRetry, HTTP: 409,
		Cause: "One daemon at a time owns a data directory; its lock names the owner's pid.",
		Kept:  "The other daemon is untouched; nothing was started here.",
		Hint:  "Talk to that daemon with fnctl, stop it, or give this one another --data directory.",
	}
	StoreUnusable = &Code{
		ID: "FN5005", Name: "store_unusable", Title: "the data directory cannot be used", Exit: ExitIO, HTTP: 500,
		Cause: "The directory cannot be created, written or locked by this user.",
		Kept:  "Nothing was written.",
		Hint:  "Choose a directory that this user may write: --data DIR.",
	}
	StoreDamaged = &Code{
		ID: "FN5006", Name: "store_damaged", Title: "the state cannot be read", Exit: ExitIO, HTTP: 500,
		Cause: "Files under the data directory are damaged, or were written by another version.",
		Kept:  "Nothing was changed.",
		Hint:  "Keep a copy of the directory, then start with another --data directory; please report it.",
	}
	StoreStopped = &Code{
		ID: "FN5007", Name: "store_stopped", Title: "the store stopped writing", Exit: ExitIO, HTTP: 500,
		Cause: "A write or a sync failed; it is not tried again, since what the disk has is not known.",
		Kept:  "Reads go on; acknowledged commits are safe.",
		Hint:  "Look at the disk, then restart the daemon.",
	}
	StoreBusy = &Code{
		ID: "FN5008", Name: "store_busy", Title: "the store has no room for more writes now", Exit: ExitRetry, HTTP: 503, Retry: true,
		Cause: "Writes arrive faster than the disk takes them.",
		Kept:  "Nothing was written.",
		Hint:  "Try again later.",
	}
	StoreClosed = &Code{
		ID: "FN5009", Name: "store_closed", Title: "the store is closed", Exit: ExitRetry, HTTP: 503,
		Cause: "The daemon is shutting down.",
		Kept:  "Nothing was written.",
		Hint:  "Try again when the daemon runs.",
	}
	DiskFull = &Code{
		ID: "FN5011", Name: "disk_full", Title: "the disk has too little room for durable writes", Exit: ExitRetry, HTTP: 507, Retry: true,
		Cause: "The file system of the data directory has less free room than the reserve. The state's files are mapped into memory, and a write to them that finds no room would end the process.",
		Kept:  "Nothing was written; reads go on, and extensions are kept alive.",
		Hint:  "Make room on that file system; writes are taken again by themselves.",
	}
	BadRecord = &Code{
		ID: "FN5010", Name: "bad_record", Title: "a stored record cannot be read", Exit: ExitIO, HTTP: 500,
		Cause: "Its bytes are damaged, or were written by another version.",
		Kept:  "The record is left as it is; others are read.",
		Hint:  "Please report it with the key named.",
	}
)

var storeCodes = []*Code{
	BadTx, Conflict, QuotaExceeded, StoreLocked, StoreUnusable, StoreDamaged, StoreStopped, StoreBusy, StoreClosed, DiskFull, BadRecord,
}
