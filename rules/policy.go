package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Policy gives states of the error budget their consequences: what a state means
// for those who plan work, as a sentence of the organisation's own.
type Policy map[State]string

// States lists the states of a budget, best first.
func States() []State {
	return []State{StateHealthy, StateWatch, StateAtRisk, StateExhausted, StateUnknown}
}

// Validate reports unknown states and empty sentences; every fault begins with key
// and the state.
func (p Policy) Validate(key string) error {
	known := make([]string, 0, len(States()))
	for _, s := range States() {
		known = append(known, string(s))
	}
	var faults []error
	for _, s := range slices.Sorted(maps.Keys(p)) {
		switch {
		case !slices.Contains(States(), s):
			faults = append(faults, fmt.Errorf("%s.%s: there is no such state: use %s", key, s, strings.Join(known, ", ")))
		case strings.TrimSpace(p[s]) == "":
			faults = append(faults, fmt.Errorf("%s.%s: is empty: write what follows from the state, for example \"features wait until it lasts again\"", key, s))
		}
	}
	return errors.Join(faults...)
}

// Under gives the objectives this policy where their own says nothing.
func (p Policy) Under(objectives []Objective) []Objective {
	if len(p) == 0 {
		return objectives
	}
	out := slices.Clone(objectives)
	for i := range out {
		own := out[i].Policy
		merged := maps.Clone(map[State]string(p))
		maps.Copy(merged, own)
		out[i].Policy = merged
	}
	return out
}
