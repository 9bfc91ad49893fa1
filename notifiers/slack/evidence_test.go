package slack

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/notify"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// evidenceAfter is evidence that takes a while.
func evidenceAfter(d time.Duration) func(*Options) {
	return func(o *Options) {
		o.Evidence = func(ctx context.Context, labels map[string]string, _, _ time.Time) (Evidence, error) {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
				return Evidence{Where: []string{"92% of the failed requests of " + labels["service"] + " have route=/v1/share."}, Picture: []byte("\x89PNG"), Alt: "The burn rate rises"}, nil
			case <-ctx.Done():
				return Evidence{}, ctx.Err()
			}
		}
	}
}

func TestEvidenceComesWithThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), evidenceAfter(50*time.Millisecond))
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		if first := r.fake.called("chat.postMessage")[0].form.Get("blocks"); !strings.Contains(first, "92% of the failed requests of share have route=/v1/share.") {
			t.Errorf("first message: %s", first)
		}
		r.settled()
		files := r.fake.uploaded()
		if len(files) != 1 || !bytes.Equal(files[0].content, []byte("\x89PNG")) || files[0].alt != "The burn rate rises" || files[0].channel != "" {
			t.Fatalf("files: %+v", files)
		}
		page := r.onePage()
		if !strings.Contains(string(page.Blocks), `"slack_file":{"id":"F0FILE0"}`) || !strings.Contains(string(page.Blocks), "The burn rate rises") {
			t.Errorf("the page shows no picture: %s", page.Blocks)
		}
		// The picture says nothing new: nobody is disturbed.
		if got := r.threadTexts(page.TS); len(got) != 1 {
			t.Errorf("thread %q", got)
		}
		// It stays to the end, and is not made again.
		r.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(fires(share(), time.Now()), time.Now()))
		r.settled()
		if page := r.onePage(); !strings.Contains(string(page.Blocks), "F0FILE0") || len(r.fake.uploaded()) != 1 {
			t.Errorf("the resolved page: %s", page.Blocks)
		}
	})
}

func TestSlowEvidenceFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), evidenceAfter(1500*time.Millisecond))
		began := time.Now()
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), began))
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("the page was there after %s", took)
		}
		if page := r.onePage(); strings.Contains(string(page.Blocks), "92%") {
			t.Errorf("evidence before it was there: %s", page.Blocks)
		}
		r.until("the evidence is in the page", func() bool { return strings.Contains(string(r.onePage().Blocks), "92%") })
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the evidence was there after %s", took)
		}
		r.until("the picture is in the page", func() bool { return strings.Contains(string(r.onePage().Blocks), "F0FILE0") })
	})
}

func TestPageGoesOutWithoutEvidence(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"never": evidenceAfter(time.Hour),
		"fails": func(o *Options) {
			o.Evidence = func(context.Context, map[string]string, time.Time, time.Time) (Evidence, error) {
				return Evidence{}, errors.New("the store is closed")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newFakeSlack(), change)
				r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
				time.Sleep(time.Minute)
				r.settled()
				if page := r.onePage(); page.Edits != 0 || strings.Contains(string(page.Blocks), "Where it burns") {
					t.Errorf("%d edits: %s", page.Edits, page.Blocks)
				}
			})
		})
	}
}

// Slack needs a moment before a message may show a file, and may never take it.
func TestPictureThatSlackDoesNotShowYet(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		shown bool
	}{"soon": {2 * time.Second, true}, "never": {time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := newFakeSlack()
				fake.done = func(call fakeCall) {
					fake.mu.Lock()
					defer fake.mu.Unlock()
					for _, f := range fake.files {
						if call.method == "files.completeUploadExternal" {
							f.processed = time.Now().Add(c.after)
						}
					}
				}
				r := newRig(t, fake, evidenceAfter(0))
				r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
				r.settled()
				page := r.onePage()
				if shown := strings.Contains(string(page.Blocks), "slack_file"); shown != c.shown {
					t.Errorf("the picture is shown: %v", shown)
				}
				if !strings.Contains(string(page.Blocks), "92%") {
					t.Errorf("the page lost its blocks: %s", page.Blocks)
				}
			})
		})
	}
}

func TestPlaybookIsPinnedAndItsQueriesAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := testPlaybook()
		book.Body = "## Check\n\n1. **See which route fails.**\n   ```promql\n   topk(1, errors)\n   ```\n2. Look around.\n"
		value := 41.25
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) {
			o.Playbook = func(map[string]string) (playbooks.Playbook, bool) { return book, true }
			o.Query = func(context.Context, string, time.Time) ([]playbooks.Sample, error) {
				return []playbooks.Sample{{Labels: map[string]string{"route": "/v1/share"}, Value: value}}, nil
			}
		})
		a := fires(share(), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		page := r.onePage()
		if !strings.Contains(string(page.Blocks), "41.25") || strings.Contains(string(page.Blocks), "topk") {
			t.Errorf("the step shows no value, or the query: %s", page.Blocks)
		}
		if thread := r.fake.replies("oncall", page.TS); !strings.Contains(string(thread[0].Blocks), "topk(1, errors)") || !strings.Contains(string(thread[0].Blocks), "41.25") {
			t.Errorf("the thread lacks the query or its answer: %s", thread[0].Blocks)
		}
		r.deliver(click(page, button(t, page, actionStep), "U0SAM"))
		r.settled()

		// Somebody edits the file meanwhile, and the process restarts.
		book.Body = "## Check\n\n1. Something else.\n"
		value = 7
		time.Sleep(time.Hour)
		r.notify(group{reason: notify.ReasonRepeatIntervalElapsed}, a)
		r.settled()
		page = r.onePage()
		for _, want := range []string{"Look around.", "See which route fails", "edited after this incident began"} {
			if !strings.Contains(string(page.Blocks), want) {
				t.Errorf("the page lacks %q: %s", want, page.Blocks)
			}
		}
		if strings.Contains(string(page.Blocks), "Something else") {
			t.Errorf("the page shows the new text: %s", page.Blocks)
		}
	})
}

func TestPageOfAPeerIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		fake.setScript(func(fakeCall) *fakeFault { return &fakeFault{status: 503} })
		var peer answered
		r := newRig(t, fake, func(o *Options) {
			o.Posted = func(_ context.Context, receiver string, index int, key string, since time.Time) (string, string, bool) {
				return peer.channelID, peer.ts, receiver == "slack" && index == 0 && key != "" && !since.IsZero()
			}
		})
		a := fires(share(), time.Now())
		if retry, err := r.try(group{reason: notify.ReasonFirstNotification}, time.Minute, a); err == nil || !retry {
			t.Fatalf("Notify = %v, %v", retry, err)
		}
		// The peer could reach Slack.
		fake.mu.Lock()
		fake.clock++
		theirs := &fakeMessage{Channel: "C0ONCALL1", TS: "1000.000001", Text: "🔴 Firing: posted by the peer"}
		fake.messages = append(fake.messages, theirs)
		peer = answered{theirs.Channel, theirs.TS}
		fake.mu.Unlock()
		fake.setScript(nil)
		r.settled()
		if page := r.onePage(); page.TS != theirs.TS || !strings.HasPrefix(page.Text, "🔴 Firing: Sharing a post fails") {
			t.Errorf("page %s %q", page.TS, page.Text)
		}
		// Deleted, it is posted anew, though the log still names it.
		r.fake.delete(theirs.TS)
		r.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(a, time.Now()))
		if page := r.onePage(); !strings.HasPrefix(page.Text, "✅") || page.TS == theirs.TS {
			t.Errorf("page %q", page.Text)
		}
	})
}

func TestWhatIsTooLongForAThreadIsAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := testPlaybook()
		book.Body = "## Check\n\n1. Look.\n\n## Background\n\n" + strings.Repeat("A paragraph of the long story & its <end>.\n\n", 6000)
		r := newRig(t, newFakeSlack(), func(o *Options) {
			o.Playbook = func(map[string]string) (playbooks.Playbook, bool) { return book, true }
		})
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		r.settled()
		page := r.onePage()
		if n := len(r.fake.replies("oncall", page.TS)); n != maxThread {
			t.Errorf("%d messages in the thread, want %d", n, maxThread)
		}
		files := r.fake.uploaded()
		if len(files) != 1 || files[0].thread != page.TS || files[0].channel != page.Channel || files[0].name != "playbook-share-errors.md" || !strings.Contains(string(files[0].content), "story & its <end>.") {
			t.Errorf("%d files: %.200v", len(files), files)
		}
	})
}
