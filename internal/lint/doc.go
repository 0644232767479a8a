// Package lint holds the house rules as Go tests: each message says the remedy. It has no code of its own.
//
//	go test ./internal/lint
package lint
