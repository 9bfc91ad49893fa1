package inbox

import (
	"testing"
	"time"

	"github.com/slack-go/slack"
)

const playbook = `# API error rate

Owner: **team-share** · reviewed 2 October 2026

## Impact

People who share a post see *"Something went wrong"*. The feed still works.

## Check

1. Is it one route? Open the [error panel](http://localhost:3000/d/share?viewPanel=4) and split by ` + "`route`" + `.
2. Did something ship? Compare with the last deployments:

` + "```sh\nkubectl -n share rollout history deploy/share\nkubectl -n share logs deploy/share --since=10m | grep -c 'upstream timeout'\n```" + `

3. Is the media service slow? Its p99 is normally below **250 ms**.

| signal | normal | page at |
| --- | ---: | ---: |
| error ratio | 0.05% | 1.4% |
| p99 latency | 180 ms | 900 ms |
| queue depth | 12 | 500 |

## Mitigate

- [x] Turn off link previews: ` + "`flags set share.previews off`" + `
- [ ] Send half the traffic to the other region
- [ ] Limit uploads to 20 a second and client

> Rolling back takes four minutes. Do it first when a deployment is younger than an hour.

## Escalate

After 15 minutes to the media team, after 30 to the incident commander.
`

func pageBlocks(header, since, numbers string) []slack.Block {
	return []slack.Block{
		slack.NewHeaderBlock(plain(header)),
		slack.NewSectionBlock(mrkdwn("*Sharing a post works* – promised for 99.9% of attempts over 28d.\n"+since), nil, nil),
		slack.NewSectionBlock(mrkdwn(numbers), nil, nil),
		slack.NewSectionBlock(nil, []*slack.TextBlockObject{
			mrkdwn("*Service*\n`share`"), mrkdwn("*Severity*\npage"), mrkdwn("*Windows*\n1h and 5m, 14.4x"), mrkdwn("*Owner*\n<!subteam^S0SHARE|@team-share>"),
		}, nil),
		slack.NewDividerBlock(),
		slack.NewSectionBlock(mrkdwn("*Playbook: API error rate* · team-share\n"+
			"1. Is it one route? Open the <http://localhost:3000/d/share|error panel> and split by `route`.\n"+
			"2. Did something ship? `kubectl -n share rollout history deploy/share`\n"+
			"3. Is the media service slow? Its p99 is normally below *250 ms*."), nil, nil),
		slack.NewActionBlock("buttons",
			button("playbook", "Playbook", "http://localhost:9911/playbooks/api-error-rate").WithStyle(slack.StylePrimary),
			button("dashboard", "Dashboard", "http://localhost:9911/objectives/share-availability"),
			button("silence", "Silence…", "http://localhost:9911/incidents"),
		),
		slack.NewContextBlock("", mrkdwn("The whole playbook is in the thread · :pager: <@U0PRIYA|Priya> is on call until 09:00")),
	}
}

// play lets an incident happen: it fires, gets worse, is talked about, and is resolved; and another one goes on firing.
func play(tb testing.TB, d desk) {
	tb.Helper()
	d.post(tb, "#general", saying("The weekly report is ready: <http://localhost:9911/reports/2026-W47|week 47>."))
	d.post(tb, "#media", saying("Deployed `media` 4f2c19a to production :rocket:"))
	d.clock.pass(20 * time.Hour)

	channel, ts := d.post(tb, "#oncall",
		saying("🔴 share: sharing a post fails for 3.2% of attempts"),
		slack.MsgOptionBlocks(pageBlocks("🔴 Firing: share availability", "Since 23:12 UTC, for 1 minute.",
			"*3.2%* of attempts fail. The budget burns *32x* too fast: *41%* is left, gone in *3h 20m*.")...),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "watchtower_page", EventPayload: map[string]any{"id": "7e1c"}}))
	d.clock.pass(2 * time.Second)
	d.post(tb, channel, slack.MsgOptionTS(ts), saying("Playbook: API error rate"), slack.MsgOptionBlocks(slack.NewMarkdownBlock("", playbook)))
	d.clock.pass(3 * time.Minute)
	update := func(note string, blocks []slack.Block) {
		tb.Helper()
		if _, _, _, err := d.client.UpdateMessageContext(tb.Context(), channel, ts, saying(note), slack.MsgOptionBlocks(blocks...)); err != nil {
			tb.Fatal(err)
		}
	}
	update("🔴 share: sharing a post fails for 9.8% of attempts", pageBlocks("🔴 Firing: share availability", "Since 23:12 UTC, for 4 minutes.",
		"*9.8%* of attempts fail. The budget burns *98x* too fast: *17%* is left, gone in *27m*."))
	d.post(tb, channel, slack.MsgOptionTS(ts), saying("It got worse: *9.8%* of attempts fail, was 3.2%."))
	d.clock.pass(time.Minute)
	d.post(tb, channel, slack.MsgOptionTS(ts), slack.MsgOptionBroadcast(), saying("<!here> nobody has acknowledged this for 5 minutes: <@U0MARCO|Marco> is next."))
	if err := d.client.AddReactionContext(tb.Context(), "eyes", slack.NewRefToMessage(channel, ts)); err != nil {
		tb.Fatal(err)
	}
	d.clock.pass(9 * time.Minute)
	update("✅ share: sharing a post works again", pageBlocks("✅ Resolved: share availability", "From 23:12 to 23:26 UTC, for 14 minutes.",
		"*0.04%* of attempts fail now. The incident spent *26%* of the budget: *15%* is left for 11 days."))
	d.post(tb, channel, slack.MsgOptionTS(ts), saying("Resolved after 14 minutes. ~Rolled back~ Turned off link previews."))

	d.clock.pass(31 * time.Minute)
	d.post(tb, channel, saying("🔴 feed: the feed is slow for 2.1% of requests"),
		slack.MsgOptionBlocks(pageBlocks("🔴 Firing: feed latency", "Since 23:57 UTC, for 1 minute.",
			"*2.1%* of requests take longer than 300 ms. The budget burns *15x* too fast: *62%* is left, gone in *1d 4h*.")...))
	if _, err := d.client.PostEphemeralContext(tb.Context(), channel, "U0PRIYA", saying("You are on call for *team-share*.")); err != nil {
		tb.Fatal(err)
	}
}
