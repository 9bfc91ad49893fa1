package notifiers

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func posts(key string) NewSilence {
	return NewSilence{
		Matchers: map[string]string{"service": "share", "slo": "posts"},
		Duration: time.Hour, Author: "Ada", Comment: "we know", Key: key,
	}
}

func mustSilence(t *testing.T, i *instance, s NewSilence) string {
	t.Helper()
	id, err := i.Silence(t.Context(), s)
	if err != nil || id == "" {
		t.Fatalf("silence: %q, %v", id, err)
	}
	return id
}

func TestSilenceHoldsForItsDurationAndSurvivesKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, image := t.TempDir(), t.TempDir()
		first := runDefault(t, dir)
		begin := time.Now()
		id := mustSilence(t, first, posts("click"))
		// What is on disk now is what kill -9 leaves.
		if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}

		second := runDefault(t, image)
		advance(time.Minute)
		if again := mustSilence(t, second, posts("click")); again != id {
			t.Errorf("the same key after a restart: %s, want %s", again, id)
		}
		second.send(firing("Burn", objective("posts", "page")...), firing("Heard", objective("logins", "page")...))
		advance(58 * time.Minute)
		wantHeard(t, second, "slack: Heard")
		want := []ActiveSilence{{
			ID: id, Matchers: []string{`service="share"`, `slo="posts"`}, Author: "Ada", Comment: "we know",
			StartsAt: begin.UTC(), EndsAt: begin.Add(time.Hour).UTC(),
		}}
		if diff := cmp.Diff(want, second.Silences(nil)); diff != "" {
			t.Errorf("silences (-want +got):\n%s", diff)
		}
		advance(2 * time.Minute)
		if got := second.slack.heard(); !strings.Contains(strings.Join(got, "|"), "slack: Burn") {
			t.Errorf("after the silence: %q", got)
		}
		if again := mustSilence(t, second, posts("click")); again == id {
			t.Error("the key of a silence that is over returned its id")
		}
	})
}

func TestSilenceKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		var clicks sync.WaitGroup
		ids := make([]string, 8)
		for n := range ids {
			clicks.Go(func() { ids[n], _ = i.Silence(context.Background(), posts("click")) })
		}
		clicks.Wait()
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Fatalf("one key, several silences: %q", ids)
			}
		}
		if other := mustSilence(t, i, posts("another click")); other == ids[0] {
			t.Error("another key returned the same silence")
		}
		if a, b := mustSilence(t, i, posts("")), mustSilence(t, i, posts("")); a == b {
			t.Error("without a key the same silence was returned twice")
		}
		advance(time.Second)
		if w := i.call(http.MethodDelete, "/api/v2/silence/"+ids[0], ""); w.Code != http.StatusOK {
			t.Fatalf("end of silence: %d %s", w.Code, w.Body)
		}
		advance(time.Second)
		if id := mustSilence(t, i, posts("click")); id == ids[0] {
			t.Error("a silence that was ended was returned")
		}
	})
}

func TestSilencesOfLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		long, short := posts(""), posts("")
		long.Duration, short.Duration = 2*time.Hour, time.Minute
		longID, shortID := mustSilence(t, i, long), mustSilence(t, i, short)
		ids := func(labels map[string]string) (ids []string) {
			for _, s := range i.Silences(labels) {
				ids = append(ids, s.ID)
			}
			return ids
		}
		if diff := cmp.Diff([]string{shortID, longID}, ids(map[string]string{"service": "share", "slo": "posts", "x": "y"})); diff != "" {
			t.Errorf("of an alert (-want +got):\n%s", diff)
		}
		if got := ids(map[string]string{"service": "share"}); got != nil {
			t.Errorf("of an alert of another slo: %q", got)
		}
		advance(2 * time.Minute)
		if diff := cmp.Diff([]string{longID}, ids(nil)); diff != "" {
			t.Errorf("all that hold (-want +got):\n%s", diff)
		}
		w := i.call(http.MethodPost, "/api/v2/silences", strings.Replace(silenceBody("slo", "p.*"), `"isRegex":false`, `"isRegex":true`, 1))
		if w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		w = i.call(http.MethodPost, "/api/v2/silences", strings.Replace(silenceBody("team", "x"), `"isEqual":true`, `"isEqual":false`, 1))
		if w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		var texts []string
		for _, s := range i.Silences(map[string]string{"slo": "plays"}) {
			texts = append(texts, s.Matchers...)
		}
		if got := strings.Join(texts, " "); got != `slo=~"p.*" team!="x"` && got != `team!="x" slo=~"p.*"` {
			t.Errorf("matchers: %s", got)
		}
	})
}

func TestSilenceIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		for want, s := range map[string]NewSilence{
			"names no label":   {Duration: time.Hour, Author: "Ada"},
			`label "slo"`:      {Matchers: map[string]string{"service": "share", "slo": ""}, Duration: time.Hour, Author: "Ada"},
			`label ""`:         {Matchers: map[string]string{"": "share"}, Duration: time.Hour, Author: "Ada"},
			"it lasts 0s":      {Matchers: map[string]string{"slo": "posts"}, Author: "Ada"},
			"name the author":  {Matchers: map[string]string{"slo": "posts"}, Duration: time.Hour},
			"invalid label":    {Matchers: map[string]string{"slo": "\xff"}, Duration: time.Hour, Author: "Ada"},
			"above zero\nnobo": {Matchers: map[string]string{"slo": "posts"}, Duration: -time.Hour},
		} {
			if id, err := i.Silence(t.Context(), s); err == nil || id != "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: got %q, %v, want %q", s, id, err, want)
			}
		}
		if got := i.Silences(nil); len(got) != 0 {
			t.Errorf("refused silences hold: %+v", got)
		}
		i.stop()
		if _, err := i.Silence(t.Context(), posts("click")); err == nil || !strings.Contains(err.Error(), "would not survive a restart") {
			t.Errorf("silence after the end: %v", err)
		}
	})
}
