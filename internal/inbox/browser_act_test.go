//go:build integration

package inbox

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/slack-go/slack"
)

// duty is an inbox with an incident, and an app that does with it what ours does.
func duty(t *testing.T) (d desk, channel, ts string) {
	t.Helper()
	d = open(t, func(o *Options) {
		o.People = []Person{{"U0PRIYA", "Priya Shah"}, {"U0MARCO", "Marco"}}
		o.Groups = map[string][]string{"share-oncall": {"U0PRIYA"}}
	})
	play(t, d)
	buttons := func(who string) []slack.Block {
		head := "🔴 Firing: share availability"
		if who != "" {
			head = "🟡 Acknowledged: share availability"
		}
		until := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain("Severity"), "severity",
			slack.NewOptionBlockObject("high", plain("High"), plain("Wakes people")), slack.NewOptionBlockObject("low", plain("Low"), nil))
		escalate := action("escalate", "Escalate", "inc-1", slack.StyleDanger).WithConfirm(
			slack.NewConfirmationBlockObject(plain("Escalate now?"), mrkdwn("This wakes *Marco*, who is next."), plain("Wake him"), plain("Not yet")))
		return []slack.Block{
			slack.NewHeaderBlock(plain(head)),
			slack.NewSectionBlock(mrkdwn("*9.8%* of attempts fail. The budget burns *98x* too fast. On call: <@U0PRIYA> of <!subteam^"+hashedID("S0", "share-oncall")+">"), nil, slack.NewAccessory(until)),
			slack.NewActionBlock("do", action("ack", "Acknowledge", "inc-1", slack.StylePrimary), escalate, action("silence", "Silence…", "inc-1", ""),
				button("playbook", "Playbook", d.url+"/inbox/static/tower.svg"),
				slack.NewOverflowBlockElement("more", slack.NewOptionBlockObject("resolve", plain("Resolve"), nil), slack.NewOptionBlockObject("note", plain("Add a note…"), nil))),
		}
	}
	channel, ts = d.post(t, "oncall", saying("🔴 share: sharing a post fails"), slack.MsgOptionBlocks(buttons("")...))
	connected(t, d, func(got slack.InteractionCallback) any {
		if got.Type == slack.InteractionTypeViewSubmission {
			if got.View.State.Values["reason"]["reason"].Value == "because" {
				return slack.NewErrorsViewSubmissionResponse(map[string]string{"reason": "Say what is being done about it."})
			}
			d.post(t, channel, slack.MsgOptionTS(ts), saying("Silenced for "+got.View.State.Values["hours"]["hours"].SelectedOption.Text.Text+" by <@"+got.User.ID+">."))
			return nil
		}
		if got.Type == slack.InteractionTypeViewClosed {
			return nil
		}
		switch got.ActionCallback.BlockActions[0].ActionID {
		case "ack":
			if _, _, _, err := d.client.UpdateMessage(channel, ts, saying("🟡 share"), slack.MsgOptionBlocks(buttons(got.User.ID)...)); err != nil {
				t.Error(err)
			}
			if err := slack.PostWebhook(got.ResponseURL, &slack.WebhookMessage{Text: "You own this now. The next one is paged at *04:10* unless you resolve it."}); err != nil {
				t.Error(err)
			}
			http.DefaultClient.CloseIdleConnections()
		case "silence":
			if _, err := d.client.OpenView(got.TriggerID, form()); err != nil {
				t.Error(err)
			}
		case "severity", "escalate", "more", "playbook":
			d.post(t, channel, slack.MsgOptionTS(ts), saying("did: "+got.ActionCallback.BlockActions[0].ActionID+" "+got.ActionCallback.BlockActions[0].SelectedOption.Value))
		}
		return nil
	})
	return d, channel, ts
}

func steps(ctx context.Context, t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// press uses what the selector names at that moment, whatever arrives meanwhile.
func press(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void]("void document.querySelector(`" + selector + "`).click()")
}

// choose picks an option as a person does.
func choose(selector, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void]("{ const e = document.querySelector(`" + selector + "`); e.value = `" + value +
		"`; e.dispatchEvent(new Event('change', {bubbles: true})); void 0 }")
}

const within = `(s => document.body.innerText.includes(s))`

// An incident's life: acknowledge, silence with a form that is refused first, escalate after a question, choose from menus.
func TestBrowserIncident(t *testing.T) {
	d, _, ts := duty(t)
	message := "#p" + strings.ReplaceAll(ts, ".", "")
	ctx := browse(t, 1280, d.url+"/inbox/oncall")
	faults := chromedp.Console(ctx)
	steps(ctx, t, chromedp.Navigate(d.url+"/inbox/oncall"))
	eventually(ctx, t, `!document.getElementById("live").hidden`)

	steps(ctx, t, chromedp.Click(message+` button[value*="ack"]`))
	eventually(ctx, t, `document.querySelector("`+message+` .head").innerText.includes("Acknowledged")`)
	eventually(ctx, t, `document.querySelector("`+message+` > .body > .message.only")?.innerText.includes("You own this now.")`)
	eventually(ctx, t, `document.activeElement.innerText === "Acknowledge"`) // The keyboard is where it was.

	// What has not changed is not touched, so that no click misses.
	steps(ctx, t, chromedp.Evaluate[chromedp.Void](`void (window.kept = Array.from(document.querySelectorAll("#stream > article")))`))
	steps(ctx, t, chromedp.Evaluate[chromedp.Void](`void new MutationObserver(all => all.forEach(m => m.removedNodes.forEach(n => window.moved = n.id)))
		.observe(document.getElementById("stream"), {childList: true})`))
	d.post(t, "oncall", saying("something else"))
	eventually(ctx, t, within+`("something else")`)
	eventually(ctx, t, `window.kept.every(article => article.isConnected) && !window.moved`)

	// The modal has the focus, says what is wrong under the input, keeps what was typed, and gives the focus back.
	steps(ctx, t, press(message+` button[value*="silence"]`))
	eventually(ctx, t, `document.querySelector("#modal:modal") !== null && document.activeElement.matches("#modal .field")`)
	steps(ctx, t, chromedp.KeyEvent(kb.Enter)) // The Enter key submits, it does not cancel.
	eventually(ctx, t, within+`("Please complete this required field.") && document.activeElement.getAttribute("aria-invalid") === "true"`)
	steps(ctx, t, chromedp.KeyEvent("because"))
	d.post(t, "oncall", saying("meanwhile")) // What arrives does not disturb who types.
	eventually(ctx, t, `document.getElementById("stream").innerText.includes("meanwhile") && document.activeElement.value === "because"`)
	steps(ctx, t, chromedp.KeyEvent(kb.Enter))
	eventually(ctx, t, within+`("Say what is being done about it.") && document.activeElement.value === "because"`)
	steps(ctx, t, chromedp.KeyEvent(" of a deploy"), chromedp.Click(`#modal input[value="4"]`), chromedp.Click(`#modal .primary`))
	eventually(ctx, t, `!document.getElementById("modal") && document.activeElement.innerText === "Silence…"`)
	eventually(ctx, t, `document.querySelector("`+message+` .thread")?.textContent.includes("Silenced for 4 hours by @Priya Shah.")`)
	steps(ctx, t, press(message+` button[value*="silence"]`))
	eventually(ctx, t, `document.querySelector("#modal:modal")`+" !== null")
	steps(ctx, t, chromedp.KeyEvent(kb.Escape))
	eventually(ctx, t, `!document.getElementById("modal")`)
	if _, open := d.OpenView(""); open {
		t.Error("the Escape key does not close the view for good")
	}

	// Questions, menus and links.
	did := func(what string) string {
		return `document.querySelector("` + message + ` .thread")?.textContent.includes("did: ` + what + `")`
	}
	steps(ctx, t, press(message+` button[data-confirm]`))
	eventually(ctx, t, `document.querySelector("dialog.ask:modal")?.innerText.includes("This wakes Marco")`)
	steps(ctx, t, press(`dialog.ask:modal [data-close]`))
	eventually(ctx, t, `!document.querySelector("dialog.ask:modal") && !`+did("escalate"))
	steps(ctx, t, press(message+` button[data-confirm]`), press(`dialog.ask:modal button.danger, dialog.ask:modal button.primary`))
	eventually(ctx, t, did("escalate"))
	steps(ctx, t, choose(message+" select", "low"))
	eventually(ctx, t, did("severity low")+` && document.querySelector("`+message+` select").value === "low"`)
	steps(ctx, t, press(message+" .overflow summary"), press(message+` .overflow button[value*="note"]`))
	eventually(ctx, t, did("more note"))
	steps(ctx, t, press(message+` a.button[data-use]`))
	eventually(ctx, t, did("playbook"))

	// Somebody else sees no private answer, and can be chosen.
	steps(ctx, t, choose("#me", "U0MARCO"))
	eventually(ctx, t, `document.getElementById("me").value === "U0MARCO" && !`+within+`("You own this now.")`)
	steps(ctx, t, press(message+" > .tools > summary"), press(message+" > .tools .grave"))
	eventually(ctx, t, `!document.querySelector("`+message+` .head")`)

	d.Close()
	chromedp.Cancel(ctx)
	for said, err := range faults {
		if err != nil {
			break // The browser is closed.
		}
		if text := said.String(); strings.Contains(text, "Security Policy") || said.IsException() {
			t.Errorf("the browser says: %s", text)
		}
	}
}
