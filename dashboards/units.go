package dashboards

import (
	_ "embed"
	"strings"
	"sync"
)

// unitList are the ids of Grafana's units, sorted, one a line: those that the SDK
// knows. A test compares them.
//
//go:embed units.txt
var unitList string

// unitPrefixes begin units that go on with a text of their own: "suffix:x".
var unitPrefixes = [...]string{"prefix:", "suffix:", "time:", "si:", "count:", "currency:", "bool:"}

// unitSet are the entries of unitList.
var unitSet = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{}
	for unit := range strings.FieldsSeq(unitList) {
		known[unit] = true
	}
	return known
})

// knownUnit reports whether Grafana can show a value in this unit.
func knownUnit(unit string) bool {
	for _, prefix := range unitPrefixes {
		if rest, ok := strings.CutPrefix(unit, prefix); ok {
			return rest != ""
		}
	}
	return unitSet()[unit]
}
