// Package config turns one TOML file, with its drop-ins, into typed settings: strictly, with every fault
// at once and each at its file, line and column. It stands at the top because it is the one place where
// a file becomes settings; the daemon turns them into a tree.
//
// It starts nothing and reads no environment. Values are immutable after Load and safe for concurrent use.
//
//	c, err := config.Load("/etc/fnode-supervisor/config.toml") // err may be config.Faults
package config
