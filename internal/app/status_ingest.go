package app

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/collectors"
	"github.com/watchtower-hub/watchtower/internal/web"
)

// ingestSections say what comes in and is stored, and what was refused or put off.
func (a *App) ingestSections() []web.Section {
	st := a.collectors.Status()
	received := web.Section{Title: "Received", Facts: []web.Fact{
		{Name: "OTLP over gRPC", Value: orClosed(st.GRPC)},
		{Name: "OTLP over HTTP", Value: orClosed(st.HTTP)},
		{Name: "Remote write", Value: a.URL() + "/api/v1/write"},
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
	now := time.Now()
	sections := []web.Section{a.flow.flowSection(now, inflows(st, a.store.Stats()))}
	if failing, some := a.flow.failingSection(now, st.Failing, st.FailingCount); some {
		sections = append(sections, failing)
	}
	return append(sections, received, a.storeSection(), scrapedSection(st.Jobs))
}

func scrapedSection(jobs []collectors.Job) web.Section {
	table := &web.Table{Title: "Scrape jobs", Columns: []string{"Job", "Up", "Down", "Not scraped yet", "Last error"}, Empty: "No scrape jobs."}
	for _, j := range jobs {
		row := web.TableRow{Cells: []string{j.Name, strconv.Itoa(j.Up), strconv.Itoa(j.Down), strconv.Itoa(j.Unknown), j.LastError}}
		switch {
		case j.Down > 0:
			row.Level = web.Bad
		case j.Up > 0:
			row.Level = web.Good
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
