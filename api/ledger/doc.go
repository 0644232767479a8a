// Package ledger is the marker stream as people see it: the documents of the API's ledger rows, the rows, their client,
// what markers say in JSON, and the tree as it was (design: store, surfaces).
//
// It owns no state and opens no file: a Backend answers, which the daemon is. Past folds lifecycle markers into the
// tree that api.Reduce reads, the same as the live one; what markers do not carry is null there. Functions are safe for
// concurrent use; a Past has one owner.
//
//	head, err := ledger.Dial(socket).Head(ctx)
package ledger
