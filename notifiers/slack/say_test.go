package slack

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/notify"
)

func TestSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		r := newRig(t, fake)
		began := time.Now()
		word := Word{ID: "began/1", Channel: "#teams", Headline: "🔴 “Likes <3” does not hold", Lines: []string{"Since 03:12\n& on", "*Next* by 03:42."}}
		fake.setScript(func(fakeCall) *fakeFault { return &fakeFault{lost: true} }) // it comes, and we do not hear of it
		if _, _, err := r.Say(t.Context(), word); err == nil {
			t.Fatal("an answer that was lost is none")
		}
		fake.setScript(nil)
		word.Since = began
		channelID, ts, err := r.Say(t.Context(), word)
		if err != nil {
			t.Fatal(err)
		}
		said := fake.pages("teams")
		if len(said) != 1 || said[0].TS != ts || said[0].Channel != channelID {
			t.Fatalf("said %+v, found %s in %s", said, ts, channelID)
		}
		blocks := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(said[0].Blocks))
		for _, want := range []string{`*🔴 “Likes &lt;3” does not hold*`, `Since 03:12 &amp; on\n`} {
			if !strings.Contains(blocks, want) {
				t.Errorf("%s is not in %s", want, blocks)
			}
		}
		_, _, err = r.Say(t.Context(), Word{ID: "over/1", Channel: "#teams", Thread: ts, Headline: "✅ It holds again", Aloud: true, Since: began})
		if err != nil || len(fake.replies("teams", ts)) != 1 {
			t.Errorf("in the thread: %+v, %v", fake.replies("teams", ts), err)
		}
		if err := r.Rewrite(t.Context(), ts, Word{ID: "over/1", Channel: channelID, Headline: "✅ It holds again"}); err != nil || fake.pages("teams")[0].Text != "✅ It holds again" {
			t.Errorf("rewritten: %+v, %v", fake.pages("teams")[0], err)
		}
		long := Word{Headline: strings.Repeat("a few sentences. ", 30) + "The end"}
		if text, err := long.JSON(); err != nil || !strings.Contains(string(text), "The end*") {
			t.Errorf("a headline of a few sentences is cut: %s, %v", text, err)
		}
		fake.setScript(func(fakeCall) *fakeFault { return &fakeFault{code: "channel_not_found"} })
		if _, _, err := r.Say(t.Context(), Word{ID: "x", Channel: "#gone", Headline: "x"}); err == nil || !strings.Contains(err.Error(), `slack channel "#gone": `) {
			t.Errorf("a channel that is not there: %v", err)
		}
	})
}

// TestUpdateFollowsTheBulletin puts what is told by hand below the message about the incident.
func TestUpdateFollowsTheBulletin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bulletin string
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) {
			o.StakeholderChannel = "#teams"
			o.Bulletin = func(groupKey string) string {
				if groupKey == "" {
					t.Error("asked about no group")
				}
				return bulletin
			}
		})
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		r.settled()
		var err error
		if _, bulletin, err = r.Say(t.Context(), Word{ID: "began/1", Channel: "#teams", Headline: "It does not hold"}); err != nil {
			t.Fatal(err)
		}
		if got := r.types("U0SAM", "C0ONCALL1", "update We roll back."); !strings.HasPrefix(got, "Done, for") {
			t.Errorf("answered %q", got)
		}
		if said := r.fake.replies("teams", bulletin); len(said) != 1 || said[0].Text != "We roll back." || !said[0].Broadcast {
			t.Errorf("below the bulletin: %+v", said)
		}
	})
}
