package notifiers

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPosted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		i := runDefault(t, dir)
		page := firing("Burn", objective("posts", "page")...)
		i.send(page)
		synctest.Wait()
		group := i.Incidents()[0].GroupKey
		if got, ok := i.Posted("slack", 0, group); ok {
			t.Errorf("before the page: %+v", got)
		}
		advance(2 * time.Second)
		n := i.slack.notifications()
		want := Page{ChannelID: "C-slack", TS: n[0].ts, At: n[0].at.UTC()}
		if got, ok := i.Posted("slack", 0, group); !ok || got != want {
			t.Errorf("posted: %+v, %t, want %+v", got, ok, want)
		}
		for _, other := range []struct {
			receiver string
			index    int
			group    string
		}{{"slack", 1, group}, {"night", 0, group}, {"slack", 0, "another"}, {"slack", 0, ""}} {
			if got, ok := i.Posted(other.receiver, other.index, other.group); ok {
				t.Errorf("of %+v: %+v", other, got)
			}
		}
		i.stop()

		again := runDefault(t, dir)
		if got, ok := again.Posted("slack", 0, group); !ok || got != want {
			t.Errorf("after a restart: %+v, %t, want %+v", got, ok, want)
		}
		again.send(page)
		advance(time.Minute)
		again.send(resolved(page))
		advance(time.Minute)
		wantHeard(t, again, "slack: -Burn")
		if got, ok := again.Posted("slack", 0, group); ok {
			t.Errorf("after the end: %+v", got)
		}
	})
}
