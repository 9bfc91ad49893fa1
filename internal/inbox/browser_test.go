//go:build integration

package inbox

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/slack-go/slack"
)

// browse starts a browser of that width on a page.
func browse(t *testing.T, width int, address string) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(width, 900),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(ctx)
	t.Cleanup(leave)
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatalf("open a browser; it needs Chromium: %v", err)
	}
	return ctx
}

// eventually evaluates a condition in the page until it is true.
func eventually(ctx context.Context, t *testing.T, condition string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	patience, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-patience.Done():
			t.Fatalf("never true: %s", condition)
		}
	}
}

// A page that is open shows what arrives, and what the reader opened stays open.
func TestBrowserLive(t *testing.T) {
	d := open(t)
	play(t, d)
	ctx := browse(t, 1280, d.url+"/inbox/oncall")
	faults := chromedp.Console(ctx)
	if err := chromedp.Do(ctx, chromedp.Navigate(d.url+"/inbox/oncall")); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, `!document.getElementById("live").hidden`)
	eventually(ctx, t, `document.getElementById("scroll").scrollTop === 0 && document.title.startsWith("(1) ")`)
	if err := chromedp.Do(ctx, chromedp.Click(".thread > summary")); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, `document.querySelector(".thread").open`)

	first := d.messages(t, "oncall")[0]
	d.post(t, "oncall", saying("one more reply"), slack.MsgOptionTS(first.TS))
	eventually(ctx, t, `document.body.innerText.includes("one more reply") && document.querySelector(".thread").open`)
	_, ts := d.post(t, "oncall", saying("*just arrived*"))
	eventually(ctx, t, `document.querySelector(".message.new strong")?.innerText === "just arrived"`)
	if err := d.Delete(ctx, "oncall", ts); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, `!document.body.innerText.includes("just arrived")`)
	d.post(t, "#new-channel", slack.MsgOptionBlocks(slack.NewHeaderBlock(plain("🔴 Firing: something"))))
	eventually(ctx, t, `document.querySelector(".side").innerText.includes("new-channel") && document.title.startsWith("(2) ")`)

	if err := chromedp.Do(ctx, chromedp.Navigate(d.url+"/inbox/"+first.Channel+"/"+first.TS)); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, `document.querySelector(".message.target").getBoundingClientRect().top < innerHeight`)
	d.Close()
	chromedp.Cancel(ctx)
	for message, err := range faults {
		if err != nil {
			break // The browser is closed.
		}
		if said := message.String(); strings.Contains(said, "Security Policy") || message.IsException() {
			t.Errorf("the browser says: %s", said)
		}
	}
}

// Nothing is wider than the window, whatever the window.
func TestBrowserWidths(t *testing.T) {
	d := open(t)
	play(t, d)
	d.post(t, "oncall", saying(strings.Repeat("unbreakable", 100)+" `"+strings.Repeat("code", 200)+"`\n```"+strings.Repeat("wide ", 200)+"```"))
	reply := d.messages(t, "oncall")[1]
	for _, width := range []int{500, 760, 1280} {
		ctx := browse(t, width, fmt.Sprintf("%s/inbox/oncall/%s", d.url, reply.TS))
		eventually(ctx, t, `document.querySelector(".thread").open`)
		wide, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`Array.from(document.querySelectorAll("main, main *")).filter(e =>
			!e.closest("pre, table") && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className || e.tagName)`))
		if err != nil || len(wide) > 0 {
			t.Errorf("at %d pixels these are wider than the window: %v, %v", width, wide, err)
		}
		chromedp.Cancel(ctx)
	}
}
