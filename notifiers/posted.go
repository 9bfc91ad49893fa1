package notifiers

import (
	"time"

	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"

	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// Page says where in Slack the page of a group is.
type Page struct {
	ChannelID, TS string
	// At is when its last notification was logged.
	At time.Time
}

// Posted returns the page that the notification log, which the peers of a cluster share, knows of a group: posted or
// edited by the slack_config with this index of this receiver, in this process or in another. There is none if nothing
// was posted or if the last notification said that all was over.
func (p *Pipeline) Posted(receiver string, index int, groupKey string) (Page, bool) {
	if groupKey == "" {
		return Page{}, false
	}
	entries, err := p.notifications.Query(nflog.QGroupKey(groupKey), nflog.QReceiver(&nflogpb.Receiver{
		GroupName: receiver, Integration: "slack", Idx: uint32(index),
	}))
	if err != nil || len(entries) == 0 || len(entries[0].FiringAlerts) == 0 {
		return Page{}, false
	}
	store := nflog.NewStore(entries[0])
	channelID, _ := store.GetStr(slack.StoreChannel)
	ts, _ := store.GetStr(slack.StoreTS)
	if channelID == "" || ts == "" {
		return Page{}, false
	}
	return Page{ChannelID: channelID, TS: ts, At: entries[0].Timestamp.AsTime()}, true
}
