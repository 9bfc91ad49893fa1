package slack

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	is := func(in, want string) {
		t.Helper()
		if got := escape(in); got != want || size(got) != rawSize(in) {
			t.Errorf("escape(%q) = %q of %d, counted as %d; want %q", in, got, size(got), rawSize(in), want)
		}
	}
	is("a & b < c > d", "a &amp; b &lt; c &gt; d")
	is("&amp;", "&amp;amp;")
	is("<!channel>", "&lt;!channel&gt;")
	is("été 🔴", "été 🔴")
}

func TestCut(t *testing.T) {
	is := func(in string, limit int, want string) {
		t.Helper()
		if got := cut(in, limit); got != want || rawSize(got) > max(0, limit) {
			t.Errorf("cut(%q, %d) = %q, want %q", in, limit, got, want)
		}
	}
	is("short", 5, "short")
	is("longer", 5, "long…")
	is("a few words more", 13, "a few words…")
	is("a&b", 7, "a&b")
	is("a&bc", 7, "a&…")
	is("🔴🔴", 3, "🔴…")
	is("🔴🔴", 2, "…")
	is("x", 0, "")
	is("xy", -1, "")
}

func TestSplitMrkdwn(t *testing.T) {
	is := func(in string, limit int, first, rest string) {
		t.Helper()
		a, b := splitMrkdwn(in, limit)
		if a != first || b != rest {
			t.Errorf("splitMrkdwn(%q, %d) = %q, %q; want %q, %q", in, limit, a, b, first, rest)
		}
	}
	is("all of it", 9, "all of it", "")
	is("one\ntwo\nthree", 9, "one\ntwo\n", "three")
	is("aaaa bbbb cccc", 11, "aaaa bbbb ", "cccc")
	is("x <https://a.example|link> y", 10, "x ", "<https://a.example|link> y")
	is("&amp;&amp;", 7, "&amp;", "&amp;")
	is("<never closed at all", 6, "<never", " closed at all")
	is("<https://a.example|link> y", 10, "<https://a", ".example|link> y")
	is("🔴🔴🔴", 5, "🔴🔴", "🔴")
}

func TestWellFormed(t *testing.T) {
	is := func(in, want string) {
		t.Helper()
		if got := wellFormed(in); got != want {
			t.Errorf("wellFormed(%q) = %q, want %q", in, got, want)
		}
	}
	is("<!here> a & b &amp; c", "<!here> a &amp; b &amp; c")
	is("<https://a.example/?x=1&y=2|look> <@U123> <#C1>", "<https://a.example/?x=1&amp;y=2|look> <@U123> <#C1>")
	is("1 < 2 > 0 <b>", "1 &lt; 2 &gt; 0 &lt;b&gt;")
	is("<! not", "&lt;! not")
}

func TestMrkdwn(t *testing.T) {
	is := func(in, want string) {
		t.Helper()
		if got := mrkdwn(in); got != want {
			t.Errorf("mrkdwn(%q) =\n%q, want\n%q", in, got, want)
		}
	}
	is("**bold**, _it_, ~~gone~~ & `a < b`", "*bold*, _it_, ~gone~ &amp; `a &lt; b`")
	is("[text](https://a.example/?a=1&b=2)", "<https://a.example/?a=1&amp;b=2|text>")
	is("[text](../relative.md)", "text")
	is("[x](javascript:alert(1))", "x")
	is("see https://a.example now", "see <https://a.example|https://a.example> now")
	is("<!channel> <b>html</b>", "&lt;!channel&gt; &lt;b&gt;html&lt;/b&gt;")
	is("# Head\n\ntext\nmore", "*Head*\ntext more")
	is("- a\n- b\n  1. c\n  2. d", "• a\n• b\n   1. c\n   2. d")
	is("```sh\nrm <x>\n```", "```\nrm &lt;x&gt;\n```")
	is("![alt text](https://a.example/i.png)", "alt text")
	is("a | b\n--|--\n1 | 2", "a | b --|-- 1 | 2")
	is("", "")
}

func TestSplitMarkdown(t *testing.T) {
	const limit = 60
	for _, in := range []string{
		"short",
		strings.Repeat("a paragraph of words\n\n", 9),
		"text\n\n```sh\n" + strings.Repeat("echo one line of code\n", 12) + "```\n\nend",
		strings.Repeat("x", 500),
		"```\n" + strings.Repeat("y", 500) + "\n```",
		strings.Repeat("&<>", 100),
		strings.Repeat("🔴", 100),
	} {
		pieces := splitMarkdown(in, limit)
		for _, p := range pieces {
			if rawSize(p) > limit || strings.Count(p, "```")%2 != 0 {
				t.Errorf("piece of %d characters: %q", rawSize(p), p)
			}
		}
		bare := func(s string) string { return strings.NewReplacer("```sh", "", "```", "", "\n", "").Replace(s) }
		if got := bare(strings.Join(pieces, "")); got != bare(in) {
			t.Errorf("pieces hold\n%q, want\n%q", got, bare(in))
		}
	}
}

func TestClean(t *testing.T) {
	is := func(in, want string) {
		t.Helper()
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	is("plain\ttext\n", "plain\ttext\n")
	is("a\r\nb\rc", "a\nb\nc")
	is("\x00\x1b[31mred\x7f", "[31mred")
	is("bad \xff byte", "bad \uFFFD byte")
	is("turn \u202eed\u202c", "turn ed")
	is("👩‍👧", "👩‍👧")
}

func TestLasting(t *testing.T) {
	is := func(d time.Duration, want string) {
		t.Helper()
		if got := lasting(d); got != want {
			t.Errorf("lasting(%s) = %q, want %q", d, got, want)
		}
	}
	is(-time.Second, "less than a second")
	is(time.Second, "1 second")
	is(59*time.Second, "59 seconds")
	is(89*time.Second, "1 minute")
	is(65*time.Minute, "1 hour 5 minutes")
	is(24*time.Hour, "1 day")
	is(50*time.Hour+time.Minute, "2 days 2 hours")
}

func TestMentionsIn(t *testing.T) {
	got := mentionsIn("<!here> <@U12345|ana> and <!subteam^S1|@team>", "<!here> <@evil> <https://x|y> <!date^1^x|y>")
	want := []string{"<!here>", "<@U12345|ana>", "<!subteam^S1|@team>"}
	if !slices.Equal(got, want) {
		t.Errorf("mentionsIn = %q, want %q", got, want)
	}
}

func TestBackoff(t *testing.T) {
	for n := range 70 {
		if d := backoff(n); d < firstBackoff*3/4 || d > maxBackoff*5/4 {
			t.Errorf("backoff(%d) = %s", n, d)
		}
	}
}

func FuzzTexts(f *testing.F) {
	for _, s := range []string{"", "<", "&", "&amp", "<a|b", "```\n", "# a\n* b\n", "\xff", "🔴", "[a](b", "> > >\n- - -"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		s = clean(s)
		if limit = limit % 4000; limit < 0 {
			limit = -limit
		}
		if !utf8.ValidString(s) {
			t.Fatalf("clean left %q", s)
		}
		first, rest := splitMrkdwn(s, limit)
		if size(first) > limit || first+rest != s {
			t.Errorf("splitMrkdwn(%q, %d) = %q, %q", s, limit, first, rest)
		}
		if got := cut(s, limit); rawSize(got) > limit || !utf8.ValidString(got) {
			t.Errorf("cut(%q, %d) = %q", s, limit, got)
		}
		m := mrkdwn(s)
		if strings.Contains(m, "<!") || strings.Contains(m, "<@") {
			t.Errorf("mrkdwn(%q) = %q pings", s, m)
		}
		if again := wellFormed(wellFormed(s)); again != wellFormed(s) {
			t.Errorf("wellFormed(%q) is not stable: %q", s, again)
		}
		for _, p := range splitMarkdown(s, 100+limit) {
			if rawSize(p) > 100+limit {
				t.Errorf("splitMarkdown(%q, %d): %q", s, 100+limit, p)
			}
		}
	})
}

func TestFactsAreNotCut(t *testing.T) {
	in := goldenIncidents()["objective_firing"]
	for _, d := range []time.Duration{0, time.Second, 59 * time.Minute, 23*time.Hour + 59*time.Minute, 99*24*time.Hour + 23*time.Hour} {
		for _, unseen := range []bool{true, false} {
			done := in.ended(in.since().Add(d))
			done.Unseen = unseen
			if s := done.when(); size(s) > maxFact {
				t.Errorf("%q has %d characters, more than %d", s, size(s), maxFact)
			}
		}
	}
}
