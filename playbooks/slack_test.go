package playbooks

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSlackMarkdownCutsAtSections(t *testing.T) {
	long := strings.Repeat("word ", 1500) // 7,500 characters
	p := Playbook{Body: "## Impact\n\n" + long + "\n\n## Check\n\n" + long + "\n"}
	got := p.SlackMarkdown("")
	if len(got) != 2 || !strings.HasPrefix(got[0], "## Impact") || !strings.HasPrefix(got[1], "## Check") {
		t.Errorf("got %d pieces, want one for each section", len(got))
	}
}

func TestSlackMarkdownOfNothing(t *testing.T) {
	if got := (Playbook{Body: "\n \n"}).SlackMarkdown(""); len(got) != 0 {
		t.Errorf("got %q, want no piece", got)
	}
}

func TestSlackMarkdownLinks(t *testing.T) {
	p := Playbook{Body: "See [the db](database-saturation.md#check), [x](https://x.example/a.md).\n\n```\n[the db](database-saturation.md)\n```\n"}
	const rest = ", [x](https://x.example/a.md).\n\n```\n[the db](database-saturation.md)\n```"
	want := []string{"See [the db](https://w.example/playbooks/database-saturation#check)" + rest}
	if diff := cmp.Diff(want, p.SlackMarkdown("https://w.example/")); diff != "" {
		t.Errorf("with an address (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"See the db" + rest}, p.SlackMarkdown("")); diff != "" {
		t.Errorf("without an address (-want +got):\n%s", diff)
	}
}

// A code block that has to be cut is whole in every piece.
func TestChunkClosesFences(t *testing.T) {
	body := "Run:\n\n   ```sh\n"
	for i := range 30 {
		body += fmt.Sprintf("   echo %02d\n", i)
	}
	body += "   ```\n\nDone.\n"
	pieces := chunk(splitLines(body), 120)
	var echoed []string
	for i, piece := range pieces {
		if strings.Count(piece, "```")%2 != 0 {
			t.Errorf("piece %d has an open code block:\n%s", i, piece)
		}
		for l := range strings.SplitSeq(piece, "\n") {
			if n, ok := strings.CutPrefix(strings.TrimSpace(l), "echo "); ok {
				echoed = append(echoed, n)
			}
		}
	}
	if len(pieces) < 3 || len(echoed) != 30 || echoed[0] != "00" || echoed[29] != "29" {
		t.Errorf("%d pieces hold the lines %v", len(pieces), echoed)
	}
}

// Whatever the text, no piece is longer than the limit, none is empty, and all
// letters of the text come in their order.
func TestChunkKeepsEverything(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"word", "<&>", "日本語", "😀😀", "```", "~~~~ x", "## Head", "1. step", "   indented", "", "", strings.Repeat("&", 90), strings.Repeat("long", 60)}
	for range 2000 {
		var lines []string
		for range r.IntN(30) {
			lines = append(lines, strings.Repeat(words[r.IntN(len(words))], 1+r.IntN(2)))
		}
		body := strings.Join(lines, "\n")
		pieces := chunk(splitLines(body), 100)
		for _, piece := range pieces {
			if n := slackSize(splitLines(piece)); n > 101 || isBlank(piece) { // the last line end is not sent
				t.Fatalf("a piece of %d characters:\n%q\nof\n%q", n, piece, body)
			}
		}
		if want, got := letters(body), letters(strings.Join(pieces, "\n")); want != got {
			t.Fatalf("text changed:\n%q\n%q", want, got)
		}
	}
}

// letters leaves out fences, which chunk may repeat, and white space.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("`~x \n", r) {
			return -1
		}
		return r
	}, s)
}
