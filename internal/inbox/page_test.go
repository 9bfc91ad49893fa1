package inbox

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

// answerTo is what came back for a page, after redirections.
type answerTo struct {
	status int
	page   string
	policy string
	at     *url.URL
}

func (d desk) get(tb testing.TB, path string) answerTo {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, d.url+path, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answerTo{status: resp.StatusCode, page: string(body), policy: resp.Header.Get("Content-Security-Policy"), at: resp.Request.URL}
}

func contains(tb testing.TB, page string, wants ...string) {
	tb.Helper()
	for _, want := range wants {
		if !strings.Contains(page, want) {
			tb.Errorf("the page does not say %s", want)
		}
	}
}

func TestPage(t *testing.T) {
	d := open(t)
	empty := d.get(t, "/inbox")
	if empty.status != http.StatusOK {
		t.Errorf("an empty inbox: %d", empty.status)
	}
	contains(t, empty.page, "All quiet.")

	play(t, d)
	d.clock.pass(24 * time.Hour)
	oncall := d.get(t, "/inbox/oncall")
	contains(t, oncall.page, "<title>(1) #oncall · Inbox</title>", "1 firing", `class="message resolved"`, `class="message firing"`,
		"✅ Resolved: share availability", "edited 2 times", "🔴 share: sharing a post fails for 9.8% of attempts",
		"<b>4 replies</b>", "also sent to the channel", "replied to a thread", `<h3>API error rate</h3>`, `<td align="right">900 ms</td>`,
		`<a class="button primary" href="http://localhost:9911/playbooks/api-error-rate"`, "<option value=\"U0PRIYA\">U0PRIYA</option>", `title="Watchtower">`,
		">Yesterday<", "<s>Rolled back</s>", `<meta http-equiv="refresh"`)
	if !strings.Contains(oncall.policy, "script-src 'self'") || strings.Contains(oncall.policy, "unsafe") {
		t.Errorf("the security policy is %q", oncall.policy)
	}
	for _, word := range []string{" style=", "<style", " onclick=", "javascript:"} {
		if strings.Contains(oncall.page, word) {
			t.Errorf("the page has %q, which its security policy forbids", word)
		}
	}
	contains(t, d.get(t, "/inbox").page, `<a href="/inbox/oncall" class="active" aria-current="page">`, `href="/inbox/general"`, `href="/inbox/media"`)
	contains(t, d.get(t, "/inbox/"+channelID("media")).page, "Deployed", "🚀")

	for path, want := range map[string]int{
		"/inbox/": 200, "/inbox/nothing": 404, "/inbox/oncall/1700000000.000100": 404, "/inbox/oncall/x": 404, "/inbox/nothing/x": 404,
		"/inbox/oncall?at=x": 404, "/inbox/oncall?before=x": 200, "/inbox/static/inbox.css": 200, "/inbox/static/inbox.js": 200,
		"/inbox/static/tower.svg": 200, "/inbox/static/nothing": 404, "/inbox/static/..%2finbox.go": 400, "/inbox/a/b/c": 404,
	} {
		if got := d.get(t, path); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
	if status, _ := d.call(t, "DELETE", "../oncall", "", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE of a page: %d", status)
	}
}

func TestPermalinkLeadsToMessage(t *testing.T) {
	d := open(t)
	play(t, d)
	messages := d.messages(t, "oncall")
	follow := func(m Message, anchor string) string {
		t.Helper()
		link, err := d.client.GetPermalinkContext(t.Context(), &slack.PermalinkParameters{Channel: m.Channel, Ts: m.TS})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		there := d.get(t, u.Path)
		want := anchor + strings.ReplaceAll(m.TS, ".", "")
		if got := there.at.Fragment; there.status != 200 || got != want {
			t.Errorf("%s leads to %d #%s, want #%s", link, there.status, got, want)
		}
		if !regexp.MustCompile(`<article class="message[^"]* target[^"]*" id="` + want + `"`).MatchString(there.page) {
			t.Errorf("%s is not marked as the target", want)
		}
		return there.page
	}
	follow(messages[0], "p")
	contains(t, follow(messages[1], "t"), `<details class="thread" id="r`+strings.ReplaceAll(messages[0].TS, ".", "")+`" open>`)
	follow(messages[3], "p") // A broadcast reply stands in the channel.
	if err := d.Delete(t.Context(), "oncall", messages[5].TS); err != nil {
		t.Fatal(err)
	}
	if got := d.get(t, "/inbox/oncall/"+messages[5].TS); got.status != 404 || !strings.Contains(got.page, "was deleted") {
		t.Errorf("the permalink of a deleted message: %d", got.status)
	}
	if err := d.Delete(t.Context(), "oncall", messages[0].TS); err != nil {
		t.Fatal(err)
	}
	contains(t, follow(messages[1], "t"), "This message was deleted.", "a message that was deleted")
}

func TestLongChannel(t *testing.T) {
	d := open(t)
	var ts []string
	for i := range 2*shown + 10 {
		_, at := d.post(t, "oncall", saying("message number "+strconv.Itoa(i)+"."))
		ts = append(ts, at)
		d.clock.pass(time.Minute)
	}
	has := func(path string, first, last int) {
		t.Helper()
		page := d.get(t, path).page
		for i := range ts {
			there := strings.Contains(page, "message number "+strconv.Itoa(i)+".")
			if want := i >= first && i <= last; there != want {
				t.Errorf("%s: message %d is there: %v, want %v", path, i, there, want)
			}
		}
		if earlier := strings.Contains(page, "Earlier messages"); earlier != (first > 0) {
			t.Errorf("%s: a link to earlier messages: %v", path, earlier)
		}
		if latest := strings.Contains(page, "To the newest messages"); latest != (last < len(ts)-1) {
			t.Errorf("%s: a link to the newest messages: %v", path, latest)
		}
	}
	has("/inbox/oncall", shown+10, 2*shown+9)
	has("/inbox/oncall?before="+ts[shown+10], 10, shown+9)
	has("/inbox/oncall?before="+ts[10], 0, 9)
	has("/inbox/oncall/"+ts[50], 21, 80)
	has("/inbox/oncall/"+ts[3], 0, 33)
}

func TestHostileNames(t *testing.T) {
	d := open(t)
	for _, channel := range []string{"api", "static", "events", "..", "naïve.channel", "C0ONCALL"} {
		if channel == "C0ONCALL" {
			channel = "c0oncall9" // Looks like an ID in capitals.
		}
		id, ts := d.post(t, channel, saying("*here* in "+channel), slack.MsgOptionUsername(`"><script>alert(1)</script>`), slack.MsgOptionIconEmoji(":fire:"))
		for _, path := range []string{d.viewOf(channelOfName(channel, id)).Href, "/inbox/" + id, "/inbox/" + id + "/" + ts} {
			got := d.get(t, path)
			if got.status != 200 || !strings.Contains(got.page, "in "+channel) || strings.Contains(got.page, "<script>alert") {
				t.Errorf("%s: %d", path, got.status)
			}
		}
	}
}

func channelOfName(name, id string) channel { return channel{id: id, name: name} }

// Every kind of text of a message is hostile here, and the whole page is read as a browser reads it.
func TestHostileMessage(t *testing.T) {
	d := open(t)
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	image := slack.NewImageBlockElement("https://x.example/"+url.PathEscape(evil), evil)
	id, ts := d.post(t, "oncall", saying(evil), slack.MsgOptionUsername(evil), slack.MsgOptionIconURL("javascript:"+evil),
		slack.MsgOptionBlocks(
			slack.NewHeaderBlock(plain(evil)),
			slack.NewSectionBlock(mrkdwn(evil), []*slack.TextBlockObject{mrkdwn(evil), plain(evil)}, slack.NewAccessory(image)),
			slack.NewContextBlock("", mrkdwn(evil), image),
			slack.NewActionBlock("", button("1", evil[:40], "https://x.example/?"+url.QueryEscape(evil)), button("2", evil[:40], "javascript:alert(1)"), button("3", evil[:20], "")),
			slack.NewImageBlock("data:image/svg+xml,x", evil, "", plain(evil)),
			slack.NewActionBlock(evil, hostileElements(evil)...),
			slack.NewInputBlock(evil+"2", plain(evil), plain(evil), &slack.PlainTextInputBlockElement{
				Type: "plain_text_input", ActionID: evil + "2", Placeholder: plain(evil), InitialValue: evil, Multiline: true,
			}),
			slack.NewMarkdownBlock("", evil+"\n\n"+evil),
			slack.NewRichTextBlock("", slack.NewRichTextSection(slack.NewRichTextSectionTextElement(evil, nil), slack.NewRichTextSectionLinkElement("javascript:x", evil, nil))),
			slack.NewTableBlock("").AddRow(slack.NewTableRawTextCell(evil)),
		),
		slack.MsgOptionAttachments(slack.Attachment{
			Color: evil, Pretext: evil, Title: evil, TitleLink: "javascript:x", Text: evil, Footer: evil, AuthorName: evil,
			ImageURL: "javascript:x", Fields: []slack.AttachmentField{{Title: evil, Value: evil}},
		}, slack.Attachment{Fallback: evil}))
	d.post(t, id, saying(evil), slack.MsgOptionTS(ts), slack.MsgOptionBroadcast())
	d.upload(t, slack.UploadFileParameters{Filename: evil, Title: evil, AltTxt: evil, Channel: id, InitialComment: evil}, []byte(evil))
	d.upload(t, slack.UploadFileParameters{Filename: evil, Title: evil, AltTxt: evil, Channel: id}, picture(t, 1, 1))
	if _, _, _, err := d.client.UpdateMessageContext(t.Context(), id, ts, saying(evil+" edited")); err != nil {
		t.Fatal(err)
	}
	_, stream, _ := strings.Cut(d.get(t, "/inbox/oncall").page, `<div class="stream" id="stream">`)
	stream, _, ok := strings.Cut(stream, "</main>")
	if fault := unsafePage(stream); !ok || fault != "" {
		t.Errorf("the page has %s", fault)
	}
	contains(t, stream, "&lt;script&gt;alert(1)")
}

// hostileElements are one of each, with a text that is hostile wherever there is one.
func hostileElements(evil string) []slack.BlockElement {
	short := evil[:40]
	options := []*slack.OptionBlockObject{slack.NewOptionBlockObject(evil, plain(short), plain(short)), slack.NewOptionBlockObject("2", plain(short), nil)}
	confirm := slack.NewConfirmationBlockObject(plain(evil), plain(evil), plain(evil[:12]), plain(evil[:12]))
	choose := slack.NewOptionsGroupSelectBlockElement(slack.OptTypeStatic, plain(evil), evil, slack.NewOptionGroupBlockElement(plain(short), options...))
	choose.Confirm = confirm
	return []slack.BlockElement{
		choose, slack.NewOverflowBlockElement(evil+"3", options...).WithConfirm(confirm), slack.NewCheckboxGroupsBlockElement(evil+"4", options...),
		slack.NewRadioButtonsBlockElement(evil+"5", options...), slack.NewDatePickerBlockElement(evil + "6"),
		slack.NewButtonBlockElement(evil+"7", evil, plain(short)).WithConfirm(confirm).WithStyle(slack.StyleDanger),
	}
}

func TestWait(t *testing.T) {
	d := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	found := make(chan Message, 1)
	go func() {
		m, err := d.Wait(ctx, "#oncall", func(m Message) bool { return m.Edits > 0 })
		if err != nil {
			t.Error(err)
		}
		found <- m
	}()
	id, _ := d.post(t, "oncall", saying("first"))
	_, ts := d.post(t, "oncall", saying("second"))
	if _, _, _, err := d.client.UpdateMessageContext(ctx, id, ts, saying("second, edited")); err != nil {
		t.Fatal(err)
	}
	if m := <-found; m.TS != ts || m.Text != "second, edited" {
		t.Errorf("found %+v", m)
	}
	short, stop := context.WithCancel(ctx)
	stop()
	if _, err := d.Wait(short, "oncall", func(Message) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("waited in vain: %v", err)
	}
}

// An open page hears of every change, and Close lets it go.
func TestEvents(t *testing.T) {
	d := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/inbox/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		t.Helper()
		for lines.Scan() {
			if version, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return version
			}
		}
		return ""
	}
	first := next()
	contains(t, d.get(t, "/inbox").page, `data-version="`+first+`"`)
	id, ts := d.post(t, "oncall", saying("hello"))
	second := next()
	if first == "" || second == first {
		t.Errorf("versions %q and %q", first, second)
	}
	if err := d.client.AddReactionContext(ctx, "eyes", slack.NewRefToMessage(id, ts)); err != nil {
		t.Fatal(err)
	}
	if third := next(); third == second {
		t.Errorf("a reaction changed nothing: %q", third)
	}
	d.Close()
	d.Close()
	if last := next(); last != "" || lines.Err() != nil {
		t.Errorf("after Close: %q, %v", last, lines.Err())
	}
}
