package isolation

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Options of Open.
type Options struct {
	// Root is the first word of our cgroups' names, [a-z0-9_]{1,32}. Empty: "fnode".
	Root string
	// InstanceID is the same for every run on one data directory and differs between data directories,
	// [a-z0-9_]{1,32}: see InstanceOf. The caller must hold that directory's lock. Required.
	InstanceID string
	// AllowDegraded starts engines that lack required layers, labelled by Child.Degraded. Zero: refuse.
	AllowDegraded bool
	// EnterTimeout bounds the time from the birth of an engine to its sandbox report. Zero: 10 s.
	EnterTimeout time.Duration
	// Without lists layers that are not even tried, for drills and controls. They count as missing.
	Without []Layer
}

var word = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// Validate reports all faults at once.
func (o Options) Validate() error {
	var faults []error
	if o.Root != "" && !word.MatchString(o.Root) {
		faults = append(faults, fmt.Errorf("root %q: want [a-z0-9_]{1,32}", o.Root))
	}
	if !word.MatchString(o.InstanceID) {
		faults = append(faults, fmt.Errorf("InstanceID %q: want [a-z0-9_]{1,32}", o.InstanceID))
	}
	if o.EnterTimeout < 0 {
		faults = append(faults, fmt.Errorf("EnterTimeout %v: want zero or more", o.EnterTimeout))
	}
	for _, l := range o.Without {
		if !slices.Contains(Layers(), l) {
			faults = append(faults, fmt.Errorf("without: no layer is called %q", l))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return codes.New(codes.IsolationOptions, "isolation options: %v", err).Wrap(err)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Root == "" {
		o.Root = "fnode"
	}
	if o.EnterTimeout == 0 {
		o.EnterTimeout = 10 * time.Second
	}
	return o
}

// InstanceOf derives the instance id of a data directory from its absolute path.
func InstanceOf(dataDir string) string {
	if abs, err := filepath.Abs(dataDir); err == nil {
		dataDir = abs
	}
	sum := sha256.Sum256([]byte(dataDir))
	return hex.EncodeToString(sum[:6])
}

// Spec says what to start.
type Spec struct {
	Name    string   // for messages, at most 128 bytes
	Path    string   // the engine's file
	Args    []string // after argv[0]
	Profile string   // strict, strict_plus, moderate or permissive
	Limits  Limits   // less than the profile's, where set
	// NoGate starts a program that does not call inside.Enter. Every layer that is built inside is
	// then missing, except those that can be set from outside (no_new_privs, rlimits).
	NoGate bool
	// Seals says that the engine calls inside.Seal after its warm-up, and that the caller calls
	// Child.Confirm before the first call: until then seccomp counts as pending. Zero: seccomp is missing.
	Seals bool
}

func (s Spec) validate() error {
	var faults []error
	if s.Path == "" {
		faults = append(faults, errors.New("path is empty"))
	}
	if len(s.Name) > 128 {
		faults = append(faults, fmt.Errorf("name has %d bytes, at most 128", len(s.Name)))
	}
	if s.Limits.Memory < 0 || s.Limits.CPU < 0 || s.Limits.Pids < 0 {
		faults = append(faults, fmt.Errorf("Limits %+v: want zero or more", s.Limits))
	}
	if err := errors.Join(faults...); err != nil {
		return codes.New(codes.IsolationOptions, "isolation of %s: %v", s.Name, err).Wrap(err)
	}
	return nil
}
