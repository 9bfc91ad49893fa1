package inbox

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever an app gives as a view is refused or can be shown, and nothing in it becomes markup.
func FuzzView(f *testing.F) {
	v, err := json.Marshal(form())
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(v), `{"type":"modal"}`, `{`, `[]`, `{"type":"modal","title":{"type":"plain_text","text":"<b>"},"blocks":[{"type":"section","accessory":{"type":"overflow","options":[1]}}]}`} {
		f.Add(s)
	}
	b, err := New(Options{DB: openDB(f, filepath.Join(f.TempDir(), "state.db"))})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		spec, err := b.checkView(context.WithoutCancel(t.Context()), raw)
		if err != nil {
			return
		}
		m := newModal("U0YOU", spec)
		inputErrors(partsOf(m.blocks), nil)
		if _, err := json.Marshal(m.wire()); err != nil {
			t.Fatal(err)
		}
		render := b.render
		render.controls = &controls{prefix: "v"}
		var page strings.Builder
		view := pageView{View: &viewView{ID: m.id, Title: plainText(m.spec["title"]), Submit: plainText(m.spec["submit"]), State: m.state(), Blocks: render.blockList(m.blocks)}}
		if err := b.templates.ExecuteTemplate(&page, "view", view); err != nil {
			t.Fatal(err)
		}
		if fault := unsafeView(page.String()); fault != "" {
			t.Errorf("the view has %s:\n%s", fault, page.String())
		}
	})
}

// unsafeView allows what stands around a view, too.
func unsafeView(s string) string {
	return unsafeWith(s, strings.Fields("dialog fieldset footer form header label legend noscript optgroup option select small textarea"),
		strings.Fields("action aria-describedby aria-invalid aria-labelledby aria-required autocomplete data-close data-confirm data-live data-state data-use for form "+
			"inputmode label method multiple name novalidate open placeholder rows selected size value"))
}

// What a page posts as the name of an element comes back as it was, and nothing else is taken for one.
func FuzzUse(f *testing.F) {
	f.Add("buttons", "ack", "")
	f.Add("a&b", "c=d", "%zz\x00")
	f.Fuzz(func(t *testing.T, block, action, value string) {
		key, got, ok := readUse(useOf(partKey{block, action}, value))
		if ok != (action != "") || ok && (key != partKey{block, action} || got != value) {
			t.Errorf("%q %q %q came back as %+v %q, %v", block, action, value, key, got, ok)
		}
	})
}

// Faults that are taken can be listed and said, and are read again as they were.
func FuzzFaults(f *testing.F) {
	for _, s := range []string{`{"method":"*","status":503}`, `[{"method":"chat.update","delay":"1s","times":-1}]`, `{"method":"*","delay":1e300}`, `[`, `null`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		known := func(string) bool { return true }
		faults, err := readFaults(strings.NewReader(raw), known)
		if err != nil {
			return
		}
		box := newFaults(func() {})
		for _, one := range faults {
			box.queue[one.Method] = append(box.queue[one.Method], one.fault())
		}
		listed := box.list()
		if len(listed) != len(faults) || len(box.say()) != len(faults) {
			t.Errorf("%d faults became %d", len(faults), len(listed))
		}
		again, err := json.Marshal(listed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readFaults(strings.NewReader(string(again)), known); err != nil {
			t.Errorf("%s is not read again: %v", again, err)
		}
	})
}
