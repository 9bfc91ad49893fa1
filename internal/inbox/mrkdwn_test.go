package inbox

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden files")

func testRenderer(tb testing.TB) renderer {
	tb.Helper()
	emoji, err := readEmoji(emojiFile)
	if err != nil {
		tb.Fatal(err)
	}
	return renderer{emoji: emoji, markdown: newMarkdown(), channels: map[string]string{"C0ONCALL": "oncall"}, location: time.UTC}
}

// The golden files hold pairs: what was written, and its HTML.
func TestGolden(t *testing.T) {
	r := testRenderer(t)
	golden(t, "testdata/mrkdwn.golden.txtar", func(in string) string { return string(r.mrkdwn(strings.TrimSuffix(in, "\n"))) })
	golden(t, "testdata/markdown.golden.txtar", func(in string) string { return string(r.document(in)) })
	golden(t, "testdata/richtext.golden.txtar", func(in string) string {
		views := r.blocks(in)
		if len(views) != 1 {
			t.Fatalf("%s is not one block", in)
		}
		return string(views[0].Text)
	})
}

func golden(t *testing.T, path string, render func(string) string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var written []txtar.File
	for i, file := range archive.Files {
		name, ok := strings.CutSuffix(file.Name, ".in")
		if !ok {
			continue
		}
		got := strings.TrimSuffix(render(string(file.Data)), "\n") + "\n"
		written = append(written, file, txtar.File{Name: name + ".html", Data: []byte(got)})
		if *update {
			continue
		}
		if i+1 >= len(archive.Files) || archive.Files[i+1].Name != name+".html" {
			t.Errorf("%s: %s has no answer; run go test -update", path, name)
			continue
		}
		if diff := cmp.Diff(string(archive.Files[i+1].Data), got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", path, name, diff)
		}
		if fault := unsafe(got); fault != "" {
			t.Errorf("%s: %s: %s", path, name, fault)
		}
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: written}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// unsafe reads HTML as a browser does and says what in it could do harm; nothing is empty.
func unsafe(s string) string { return unsafeWith(s, nil, nil) }

// unsafePage also allows what a page has around what people wrote: forms of its own.
func unsafePage(s string) string {
	return unsafeWith(s, strings.Fields("dialog fieldset form label legend noscript optgroup option select small textarea"),
		strings.Fields("action aria-describedby aria-hidden aria-invalid aria-labelledby aria-required autocomplete data-close data-confirm data-live data-use for "+
			"inputmode label method multiple name novalidate placeholder rows selected size tabindex value"))
}

func unsafeWith(s string, moreTags, moreAttributes []string) string {
	tags := strings.Fields("a article b blockquote br button code del details div em figcaption figure h2 h3 h4 h5 h6 hr img input li mark ol p pre s span strong " +
		"summary table tbody td th thead time tr u ul")
	attributes := strings.Fields("alt align aria-hidden aria-label checked class datetime disabled height href id loading rel role src start target title type width")
	tags, attributes = append(tags, moreTags...), append(attributes, moreAttributes...)
	tokens := html.NewTokenizer(strings.NewReader(s))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return ""
		case html.CommentToken, html.DoctypeToken:
			return "a comment or doctype"
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			token := tokens.Token()
			if !slices.Contains(tags, token.Data) {
				return "a tag " + token.Data
			}
			for _, a := range token.Attr {
				if !slices.Contains(attributes, a.Key) {
					return "an attribute " + a.Key
				}
				if (a.Key == "href" || a.Key == "src" || a.Key == "action") && !harmless(a.Val) {
					return "an address " + a.Val
				}
				if token.Data == "input" && a.Key == "type" && a.Val != "checkbox" && moreTags == nil {
					return "an input " + a.Val
				}
			}
		case html.TextToken:
		}
	}
}

func harmless(address string) bool {
	address = strings.ToLower(strings.TrimSpace(address))
	for _, start := range []string{"http://", "https://", "mailto:", "tel:", "/inbox/"} {
		if strings.HasPrefix(address, start) {
			return true
		}
	}
	return false
}

func TestUnsafe(t *testing.T) {
	for _, s := range []string{`<script>`, `<img onerror="x">`, `<a href="javascript:x">`, `<a href="x">`, `<!-- -->`, `<p style="x">`, `<input type="text">`} {
		if unsafe(s) == "" {
			t.Errorf("%s passes for safe", s)
		}
	}
}

func attacks() []string {
	return []string{
		`<script>alert(1)</script>`, `<javascript:alert(1)|click>`, `<JaVaScRiPt:alert(1)>`, `<data:text/html,x|x>`, `<vbscript:x|x>`, "<java\tscript:alert(1)|x>",
		`<https://x.example/"onmouseover="alert(1)|x>`, `<https://x.example|<img src=x onerror=alert(1)>>`, `<@"><script>|x>`, `<#"><script>|"><script>>`,
		`<!date^1392734382^<script>{time}^javascript:alert(1)|<b>>`, `<!subteam^"onload=x|<b>>`, "```<script>```", "`<script>`", `*<b>*`, `&lt;script&gt;`,
		`"><svg onload=alert(1)>`, `https://x.example/"><script>`, `<https://x.example&quot;onclick=x|y>`, `<mailto:a@b.example?"x|y>`, "\x00<scr\x00ipt>", "<https://[|x>",
		`:"><script>:`, `>>><script>`, `- <script>`, `1. <script>`, `<!date^99999999999999999999^{time}|x>`, `<!date^|x>`, `<!date^1|x>`,
		`[x](javascript:alert(1))`, `![x](javascript:alert(1))`, `<javascript:alert(1)>`, `[x](https://x.example "a\" onclick=\"b")`, "<div onclick=x>\n\n</div>", `a <b onclick=x>c</b>`,
		"<!-- x", "```html\n<script>\n```", `| <b> |` + "\n| --- |\n| <img src=x> |", "[x]: javascript:x\n[x]", `<style>*{}</style>`, `[a](<data:x>)`, `www.x.example/"onclick=x`,
	}
}

func TestAttacks(t *testing.T) {
	r := testRenderer(t)
	for _, s := range attacks() {
		for name, out := range map[string]string{"mrkdwn": string(r.mrkdwn(s)), "plain": string(r.plain(s)), "document": string(r.document(s))} {
			if fault := unsafe(out); fault != "" {
				t.Errorf("%s of %q has %s: %s", name, s, fault, out)
			}
		}
	}
}

// Text is long and hostile at times; it must not hold the page up.
func TestHostileLength(t *testing.T) {
	r := testRenderer(t)
	start := time.Now()
	for _, s := range []string{"*a ", "_*~", "<", "<a ", "`", "*`", "``", "<@U1>", "*<", ":a", "```", "&", "> ", "http://x*_"} {
		r.mrkdwn(strings.Repeat(s, maxText/len(s)))
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("14 long texts took %v", took)
	}
}

func FuzzMrkdwn(f *testing.F) {
	for _, s := range attacks() {
		f.Add(s)
	}
	f.Add("*bold _both ~all `code`~_* <https://x.example|a *b*> :fire: <@U1|me>\n> q\n• a\n1. b\n```x\ny```")
	r := testRenderer(f)
	f.Fuzz(func(t *testing.T, s string) {
		for name, out := range map[string]string{"mrkdwn": string(r.mrkdwn(s)), "plain": string(r.plain(s)), "document": string(r.document(s))} {
			if fault := unsafe(out); fault != "" {
				t.Errorf("%s has %s: %s", name, fault, out)
			}
		}
		if n := escapedLength(s); n < 0 {
			t.Errorf("length %d", n)
		}
	})
}

func TestEmojiFile(t *testing.T) {
	for _, s := range []string{"fire", "fire 🔥\nfire 🔥"} {
		if _, err := readEmoji(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
	emoji, err := readEmoji(emojiFile)
	if err != nil {
		t.Fatal(err)
	}
	for name := range emoji {
		if !isEmojiName(name) {
			t.Errorf("%q is no name of Slack's", name)
		}
	}
	for _, name := range []string{"red_circle", "white_check_mark", "large_yellow_circle", "snowflake", "fire"} {
		if emoji[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
}
