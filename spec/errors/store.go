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
	LedgerFull = &Code{
		ID: "FN5026", Name: "ledger_full", Title: "the ledger is at its quota", Exit: ExitRetry, HTTP: 507, Retry: true,
		Cause: "The marker stream has grown to the share of its quota at which records of this kind stop.",
		Kept:  "Nothing was written; what protects is still recorded, and what runs goes on.",
		Hint:  "Prune it (fnctl ledger prune), or grant a larger ledger.quota.",
	}
	LedgerNoCheckpoint = &Code{
		ID: "FN5027", Name: "ledger_no_checkpoint", Title: "there is no signed checkpoint to prune behind", Exit: ExitNo, HTTP: 409,
		Cause: "Nothing is pruned unless a snapshot of the state and a signed checkpoint stand before it.",
		Kept:  "Nothing was changed.",
		Hint:  "Write one: fnctl ledger checkpoint. Then prune.",
	}
	LedgerWhole = &Code{
		ID: "FN5028", Name: "ledger_whole", Title: "there is nothing to repair", Exit: ExitNo, HTTP: 409,
		Cause: "Every marker up to the witnessed one is there and whole.",
		Kept:  "Nothing was changed.",
		Hint:  "If the daemon does not start, its message says why; a state that cannot be read is made anew by fnctl ledger rebuild.",
	}
	RestoreBehind = &Code{
		ID: "FN5029", Name: "restore_behind", Title: "the backup is behind what the store there has witnessed", Exit: ExitNo, HTTP: 409,
		Cause: "Restoring it would lose markers that were durable, or put another ledger in this one's place.",
		Kept:  "Nothing was changed.",
		Hint:  "Say why with --why TEXT: that is the first entry of the restored ledger. What is there is set aside, not deleted.",
	}
	NotGranted = &Code{
		ID: "FN5040", Name: "not_granted", Title: "an activation could not be written down", Exit: ExitRetry, HTTP: 503, Retry: true,
		Cause: "What grants is written to the ledger before it has an effect, and the store did not take it.",
		Kept:  "Nothing was started or changed.",
		Hint:  "fnctl ledger head says what the store refuses and why.",
	}
	NoMarker = &Code{
		ID: "FN5025", Name: "no_marker", Title: "the ledger has no such marker", Exit: ExitNoSuch, HTTP: 404,
		Cause: "The sequence is behind the head, or before the oldest marker that was kept when the ledger was pruned.",
		Kept:  "Nothing was changed.",
		Hint:  "fnctl ledger head says which sequences there are.",
	}
	LedgerFaulty = &Code{
		ID: "FN5035", Name: "ledger_faulty", Title: "the ledger does not hold", Exit: ExitNo, HTTP: 422,
		Cause: "Reading everything again found bytes that are not what was written.",
		Kept:  "Nothing was changed or skipped; every place is named.",
		Hint:  "Restore a backup, or look at what a repair would give up: fnctl ledger repair --dry-run.",
	}
	NoReceipt = &Code{
		ID: "FN5034", Name: "no_receipt", Title: "there is no such receipt", Exit: ExitNoSuch, HTTP: 404,
		Cause: "A receipt is named by the id that granting it gave. Revoked and expired ones are kept.",
		Kept:  "Everything: nothing was written.",
		Hint:  "List the receipts: fnctl receipt list.",
	}
	ProofInvalid = &Code{
		ID: "FN5012", Name: "proof_invalid", Title: "the proof does not hold", Exit: ExitNo, HTTP: 422,
		Cause: "A proof of inclusion or consistency is malformed, is about another leaf, size or root, or was made from other records than the root commits to.",
		Kept:  "Nothing was changed.",
		Hint:  "Check that proof, root and number of records belong together; if they do, what was proved is not in that ledger.",
	}
	StateStale = &Code{
		ID: "FN5020", Name: "state_stale", Title: "the state lags behind the marker stream and is not read", Exit: ExitIO, HTTP: 503,
		Cause: "A commit is durable in the marker stream, but could not be applied to the derived state.",
		Kept:  "Every acknowledged commit is in the stream; commits without conditions go on.",
		Hint:  "Restart the daemon: the state is rebuilt from the stream.",
	}
	StoreOld = &Code{
		ID: "FN5021", Name: "store_old", Title: "the data directory is of the time before the marker stream", Exit: ExitConfig, HTTP: 409,
		Cause: "An earlier version kept its state without a ledger; this one does not take it over.",
		Kept:  "Nothing was changed.",
		Hint:  "Export what you need with the earlier version, or start anew with another --data directory.",
	}
	StoreNewer = &Code{
		ID: "FN5022", Name: "store_newer", Title: "the data directory was written by a newer version", Exit: ExitSkew, HTTP: 409,
		Cause: "A file says a format version that this program does not read.",
		Kept:  "Nothing was changed.",
		Hint:  "Use the program that wrote it, or a newer one.",
	}
	LedgerDamaged = &Code{
		ID: "FN5023", Name: "ledger_damaged", Title: "a file of the ledger is damaged", Exit: ExitIO, HTTP: 500,
		Cause: "Bytes that had been durable are not what was written: the disk, or somebody, changed them.",
		Kept:  "Nothing was changed or skipped; the place is named.",
		Hint:  "Restore a backup, or look at what a repair would give up: fnctl ledger repair --dry-run.",
	}
	NotABundle = &Code{
		ID: "FN5043", Name: "not_a_bundle", Title: "this is no bundle of evidence", Exit: ExitBadData, HTTP: 400,
		Cause: "The bytes do not begin as a bundle does.",
		Kept:  "Nothing was changed.",
		Hint:  "A bundle is what fnctl ledger export writes; check that the whole file was copied, and as binary.",
	}
	BundleNewer = &Code{
		ID: "FN5041", Name: "bundle_newer", Title: "the bundle was written by a newer version", Exit: ExitSkew, HTTP: 409,
		Cause: "It says a format version that this program does not read.",
		Kept:  "Nothing was changed.",
		Hint:  "Use an fnode-verify that is at least as new as the program that wrote it.",
	}
	BundleBroken = &Code{
		ID: "FN5042", Name: "bundle_broken", Title: "the bundle does not hold", Exit: ExitNo, HTTP: 422,
		Cause: "A byte, a signature, a proof or a decision in it is not what it should be: it was damaged, cut off or altered.",
		Kept:  "Nothing was changed; every place was named.",
		Hint:  "Ask for the bundle again. If it breaks at the same place, the ledger that it is from is in doubt: fnctl ledger verify.",
	}
	LedgerShort = &Code{
		ID: "FN5024", Name: "ledger_short", Title: "the ledger is shorter than its witness says", Exit: ExitIO, HTTP: 500,
		Cause: "Markers that had been durable are missing, or the ledger was replaced by an older or another one.",
		Kept:  "Nothing was changed; it does not start read-write.",
		Hint:  "Restore a backup, or look at what a repair would give up: fnctl ledger repair --dry-run.",
	}
)

var storeCodes = []*Code{
	BadTx, Conflict, QuotaExceeded, StoreLocked, StoreUnusable, StoreDamaged, StoreStopped, StoreBusy, StoreClosed, DiskFull, BadRecord,
	StateStale, StoreOld, StoreNewer, LedgerDamaged, LedgerShort, NoMarker, LedgerFull, LedgerNoCheckpoint, LedgerWhole, RestoreBehind, NoReceipt, LedgerFaulty, NotGranted, ProofInvalid,
	NotABundle, BundleNewer, BundleBroken,
}
