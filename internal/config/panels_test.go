package config

import (
	"fmt"
	"testing"
)

const panelsFor = `service: %s
panels:
  - {title: Waiting, shows: x, normal: x, act: x, queries: [{expr: sum(waiting)}]}
`

func TestPanels(t *testing.T) {
	const objectives = "rules: {objectives: [a.yaml]}\n"
	files := map[string]string{
		"watchtower.yaml":   objectives,
		"a.yaml":            fmt.Sprintf(spec, "share"),
		"boards/share.yaml": fmt.Sprintf(panelsFor, "share"),
	}
	quiet := len(checked(t, files))
	files["boards/shrae.yaml"] = fmt.Sprintf(panelsFor, "shrae")
	found := checked(t, files)
	if len(found) != quiet+1 {
		t.Fatalf("found %q, want one more than %d", found, quiet)
	}
	delete(files, "boards/shrae.yaml")
	files["boards/share.yaml"] += "  - {title: Broken, shows: x, normal: x, queries: [{expr: sum(}]}\n"
	files["watchtower.yaml"] = objectives + "dashboards: {extra: [boards/*.yaml, gone.yaml, '[']}\n"
	wantSome(t, checked(t, files), "fault 2 config dashboards.extra: \"")
	files["watchtower.yaml"] = objectives + "dashboards: {extra: [boards/*.yaml, gone.yaml]}\n"
	wantSome(t, checked(t, files),
		"fault 4 config panel \"Broken\": act is missing",
		"fault 4 config panel \"Broken\": query 1 is not PromQL",
		"fault 2 config dashboards.extra: ",
	)
}

// wantSome demands that findings are among those found.
func wantSome(t *testing.T, found []string, want ...string) {
	t.Helper()
	for _, w := range want {
		ok := false
		for _, f := range found {
			ok = ok || len(f) >= len(w) && f[:len(w)] == w
		}
		if !ok {
			t.Errorf("found %q, want %q among it", found, w)
		}
	}
}
