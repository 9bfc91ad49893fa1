package rules

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What docs/objectives.md shows can be read, and it tells every key of our own.
func TestObjectivesDocument(t *testing.T) {
	b, err := os.ReadFile("../docs/objectives.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	specs := regexp.MustCompile("(?s)   ```yaml\n(   version: .*?)   ```\n").FindStringSubmatch(doc)
	if specs == nil {
		t.Fatal("no spec in the tutorial")
	}
	o := parseOne(t, strings.ReplaceAll(specs[1], "\n   ", "\n")[3:])
	if o.ID != "watchtower-pages-found" || len(o.Notes) > 0 {
		t.Errorf("%+v", o)
	}
	for _, key := range keyNames() {
		if key != "alerts" && !strings.Contains(doc, "`"+key+"`") {
			t.Errorf("the key %s is not in the document", key)
		}
	}
}
