package search

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func someItems() []Item {
	return []Item{
		{Kind: "pages", Name: "Status", Also: "health of the server", Path: "/status"},
		{Kind: "objectives", Name: "Sharing a post works", ID: "share-requests", About: "share · team growth", Also: "tier=1", Path: "/objectives/share-requests"},
		{Kind: "objectives", Name: "The feed opens within half a second", ID: "feed-latency", About: "feed · team growth", Path: "/objectives/feed-latency"},
		{Kind: "objectives", Name: "A post can be shared again", ID: "reshare-requests", About: "share", Path: "/objectives/reshare-requests"},
		{Kind: "incidents", Name: "Sharing a post works", ID: "#12", About: "share · Sam", Path: "/incidents/12"},
		{Kind: "incidents", Name: "Café menus load", ID: "#11", About: "menu · Zoë Müller", Path: "/incidents/11"},
		{
			Kind: "playbooks", Name: "An API answers with errors", ID: "api-error-rate", Path: "/playbooks/api-error-rate",
			Text: "People see failures where the app should answer. Find out what changed. " + strings.Repeat("Look at the dashboards of the service. ", 20) + "Roll back with kubectl rollout undo when sharing fails.",
		},
		{Kind: "playbooks", Name: "share", ID: "share", Path: "/playbooks/share"},
	}
}

// paths are the hits of all groups in order.
func paths(r Result) []string {
	var all []string
	for _, g := range r.Groups {
		for _, h := range g.Hits {
			all = append(all, h.Path)
		}
	}
	return all
}

func TestFind(t *testing.T) {
	x := NewIndex(someItems())
	for query, want := range map[string][]string{
		"":                    nil,
		"   ":                 nil,
		"nothing of the kind": nil,
		// The exact name first, then what begins with it, then words that begin so, then what contains it.
		"share": {"/playbooks/share", "/objectives/share-requests", "/objectives/reshare-requests", "/incidents/12"},
		"SHARE": {"/playbooks/share", "/objectives/share-requests", "/objectives/reshare-requests", "/incidents/12"},
		// The beginning of a name is better than its words.
		"sharing a p": {"/objectives/share-requests", "/incidents/12", "/playbooks/api-error-rate"},
		// All words must match, in any order and in any field.
		"post shar":       {"/objectives/share-requests", "/objectives/reshare-requests", "/incidents/12"},
		"growth post":     {"/objectives/share-requests"},
		"growth feed":     {"/objectives/feed-latency"},
		"post sam":        {"/incidents/12"},
		"tier=1":          {"/objectives/share-requests"},
		"share-requests":  {"/objectives/share-requests", "/objectives/reshare-requests"},
		"cafe zoe muller": {"/incidents/11"},
		"CAFÉ":            {"/incidents/11"},
		"cafe\u0301":      {"/incidents/11"},
		"#12":             {"/incidents/12"},
		"1":               {"/incidents/12", "/incidents/11", "/objectives/share-requests"},
		"#":               nil,
		"server health":   {"/status"},
		// The full text of a playbook.
		"kubectl undo":     {"/playbooks/api-error-rate"},
		"api kubectl":      {"/playbooks/api-error-rate"},
		"feed kubectl":     nil,
		"\xff\xfe":         nil,
		"\u0301":           nil,
		"errors\x00":       nil,
		"errors \xc3\x28)": nil,
	} {
		if diff := cmp.Diff(want, paths(x.Find(query, "", 10))); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
}

func TestFindCountsWhatItLeavesOut(t *testing.T) {
	var items []Item
	for i := range 40 {
		items = append(items, Item{Kind: "objectives", Name: fmt.Sprintf("Promise %02d", i), Path: fmt.Sprint(i)})
	}
	items = append(items, Item{Kind: "pages", Name: "Promises", Path: "/"})
	r := NewIndex(items).Find("promise", "", 3)
	if r.All != 41 || len(r.Groups) != 2 || r.Groups[0].All != 40 || r.Groups[0].More() != 37 || r.Groups[1].More() != 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "/"}, paths(r)); diff != "" {
		t.Errorf("equals keep their order: %s", diff)
	}
	if r := NewIndex(items).Find("promise", "pages", 3); r.All != 1 || len(r.Groups) != 1 {
		t.Errorf("of one kind: %+v", r)
	}
	if r := NewIndex(items).Find("promise", "", 0); r.All != 41 || len(r.Groups[0].Hits) != 0 {
		t.Errorf("without hits: %+v", r)
	}
}

func TestFindCutsHugeQueries(t *testing.T) {
	x := NewIndex(someItems())
	for query, cut := range map[string]bool{
		"share": false, strings.Repeat("é", 5000): true, strings.Repeat("a ", 90): true, strings.Repeat("post ", 10): false, strings.Repeat("\xf0\x9f\x92\xa9", 51): true,
	} {
		r := x.Find(query, "", 10)
		if r.Cut != cut || len(r.Query) > MaxQuery || !utf8.ValidString(r.Query) {
			t.Errorf("%.20q: cut %t, understood as %q", query, r.Cut, r.Query)
		}
	}
}

// marked writes parts with brackets around what matches.
func marked(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Match {
			b.WriteString("[" + p.Text + "]")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func TestMark(t *testing.T) {
	for _, test := range []struct{ text, query, want string }{
		{"", "a", ""},
		{"Sharing a post works", "", "Sharing a post works"},
		{"Sharing a post works", "post SHAR", "[Shar]ing a [post] works"},
		{"Sharing a post works", "a", "Sharing [a] post works"},
		{"Reshared", "share", "Re[share]d"},
		{"share-requests", "share requ est", "[share]-[request]s"},
		{"aaaa", "aa a", "[aa]aa"},
		{"<b>share</b> & co", "share b", "<[b]>[share]</[b]> & co"},
		{"Café crème", "cafe creme", "[Café] [crème]"},
		{"Cafe\u0301s", "cafe", "[Cafe\u0301]s"},
		{"\u0301x", "x", "\u0301[x]"},
		{"STRAßE", "stras", "[STRAß]E"},
		{"İstanbul", "ist", "[İst]anbul"},
		{"bad \xff byte", "byte", "bad \xff [byte]"},
		{"#12", "#12", "#[12]"},
	} {
		words, _, _ := split(test.query)
		if got := marked(Mark(test.text, words.folded)); got != test.want {
			t.Errorf("%q in %q: %q, want %q", test.query, test.text, got, test.want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	x := NewIndex(someItems())
	r := x.Find("api kubectl", "", 1)
	if got := marked(r.Groups[0].Hits[0].Excerpt); got != "… Look at the dashboards of the service. Roll back with [kubectl] rollout undo when sharing fails." {
		t.Errorf("the excerpt is %q", got)
	}
	if got := marked(r.Groups[0].Hits[0].Name); got != "An [API] answers with errors" {
		t.Errorf("the name is %q", got)
	}
	if r := x.Find("api", "", 1); r.Groups[0].Hits[0].Excerpt != nil {
		t.Error("what is found by its name has an excerpt")
	}
	if got := excerpt(strings.Repeat("é", 300)+"x"+strings.Repeat("é", 300), "x"); got != "… x …" {
		t.Errorf("of one long word: %q", got)
	}
}

// Whatever is marked, the parts joined are the text, none is empty, and matches and others take turns.
func FuzzMark(f *testing.F) {
	for _, s := range [][2]string{{"Sharing a post works", "post a"}, {"Cafe\u0301", "cafe"}, {"\xff\u0301\xc3", "\u0301"}, {"STRAßE İ", "s ß i"}, {"<mark>", "<mark>"}, {"ǅ", "ǆ"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, query string) {
		words, whole, _ := split(query)
		parts := Mark(text, words.folded)
		var joined strings.Builder
		for i, p := range parts {
			if p.Text == "" || i > 0 && p.Match == parts[i-1].Match {
				t.Errorf("part %d of %+v is %+v", i, parts, p)
			}
			joined.WriteString(p.Text)
			if p.Match && fold(p.Text) == "" {
				t.Errorf("nothing is marked: %+v", parts)
			}
		}
		if joined.String() != text {
			t.Errorf("%q became %q", text, joined.String())
		}
		folded, at := foldWithPlaces(text)
		if folded != fold(text) || len(at) != len(folded)+1 {
			t.Errorf("%q is folded to %q and %q, with %d places", text, fold(text), folded, len(at))
		}
		x := NewIndex([]Item{{Kind: "k", Name: text, ID: query, Text: text + " " + query}})
		if r := x.Find(query, "", 1); len(words.folded) > 0 && r.All != 1 {
			t.Errorf("%q (%q) is not found in itself", query, whole)
		}
	})
}

// BenchmarkFind looks for two words in 1,000 objectives, 1,000 incidents and 150 playbooks of 6 KB.
func BenchmarkFind(b *testing.B) {
	items := manyItems()
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NewIndex(items)
		}
	})
	x := NewIndex(items)
	for _, query := range []string{"s", "request answered", "rollback kubectl", "nothing"} {
		b.Run(strings.ReplaceAll(query, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Find(query, "", 10)
			}
		})
	}
}

func manyItems() []Item {
	var items []Item
	for i := range 1000 {
		service := fmt.Sprintf("service-%02d", i%40)
		items = append(items, Item{
			Kind: "objectives", Name: fmt.Sprintf("Request number %d is answered", i), ID: fmt.Sprintf("%s-requests-%03d", service, i), About: service + " · team growth",
			Also: "tier=1 region=eu", Path: fmt.Sprintf("/objectives/%d", i),
		}, Item{
			Kind: "incidents", Name: fmt.Sprintf("Request number %d is answered", i), ID: fmt.Sprintf("#%d", i), About: service + " · Sam", Path: fmt.Sprintf("/incidents/%d", i),
		})
	}
	for i := range 150 {
		items = append(items, Item{
			Kind: "playbooks", Name: fmt.Sprintf("Component %d answers with errors", i), ID: fmt.Sprintf("component-%d", i), Path: fmt.Sprintf("/playbooks/%d", i),
			Text: strings.Repeat("People see failures where the app should answer. Find out what changed, and undo it with kubectl. ", 60) + "rollback",
		})
	}
	return items
}
