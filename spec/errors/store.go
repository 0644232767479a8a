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
)

var storeCodes = []*Code{BadTx, Conflict, QuotaExceeded}
