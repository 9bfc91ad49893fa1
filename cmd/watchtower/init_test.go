package main

import "testing"

func TestProgramIsCalledAsItWas(t *testing.T) {
	for called, want := range map[string]string{
		"watchtower": "watchtower", "bin/watchtower": "bin/watchtower", "/opt/watchtower": "/opt/watchtower",
		"wt": "watchtower", "my tools/watchtower": "'my tools/watchtower'", "it's/wt": `'it'\''s/wt'`,
	} {
		if got := program(called); got != want {
			t.Errorf("%s: %s, want %s", called, got, want)
		}
	}
}
