package app

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/watchtower-hub/watchtower/collectors"
	"github.com/watchtower-hub/watchtower/internal/web"
)

// ingestSections say what comes in, and what was refused or put off.
func (a *App) ingestSections() []web.Section {
	st := a.collectors.Status()
	received := web.Section{Title: "Received", Facts: []web.Fact{
		{Name: "OTLP over gRPC", Value: orClosed(st.GRPC)},
		{Name: "OTLP over HTTP", Value: orClosed(st.HTTP)},
		{Name: "Remote write", Value: a.URL() + "/api/v1/write"},
		{Name: "Samples from the Collector", Value: thousands(st.Samples)},
		{Name: "Spans counted", Value: thousands(st.Spans)},
	}}
	for _, lost := range []struct {
		name, note string
		n          uint64
	}{
		{"Samples refused", "they can never be stored; their senders were told", st.Refused},
		{"Log records refused", "there is no store for logs; their senders were told", st.LogsRefused},
		{"Requests put off", "there was no room; their senders were asked to send them again", st.Deferred},
		{"Items not passed on", "an exporter of collectors.otelcol failed", st.RelayFailed},
	} {
		if lost.n > 0 {
			received.Facts = append(received.Facts, web.Fact{Name: lost.name, Value: thousands(lost.n), Note: lost.note, Level: web.Warn})
		}
	}
	if st.LastError != "" {
		received.Facts = append(received.Facts, web.Fact{Name: "Last fault", Value: st.LastError, Note: ago(st.LastErrorAt)})
	}
	return []web.Section{received, scrapedSection(st.Jobs)}
}

func scrapedSection(jobs []collectors.Job) web.Section {
	table := &web.Table{Title: "Scrape jobs", Columns: []string{"Job", "Up", "Down", "Not scraped yet", "Last error"}, Empty: "No scrape jobs."}
	for _, j := range jobs {
		row := web.TableRow{Cells: []string{j.Name, strconv.Itoa(j.Up), strconv.Itoa(j.Down), strconv.Itoa(j.Unknown), j.LastError}}
		if j.Down > 0 {
			row.Level = web.Bad
		}
		table.Rows = append(table.Rows, row)
	}
	return web.Section{Title: "Scraped", Note: fmt.Sprintf("%d jobs. Every target with its last scrape: /api/v1/targets.", len(jobs)), Table: table}
}

func orClosed(addr string) string {
	if strings.TrimSpace(addr) == "" {
		return "not listening"
	}
	return addr
}
