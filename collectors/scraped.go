package collectors

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
)

// counted is a store that tells how many samples of which scrape job it took.
type counted struct {
	storage.AppendableV2

	taken func(job string, samples int)
}

// AppenderV2 implements storage.AppendableV2.
func (c counted) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &countedAppender{AppenderV2: c.AppendableV2.AppenderV2(ctx), taken: c.taken}
}

var _ storage.AppenderV2 = (*countedAppender)(nil)

// countedAppender counts one scrape. Its job is that of its last sample: what is scraped may bear the labels of others, the
// report that ends every scrape bears its own.
type countedAppender struct {
	storage.AppenderV2

	taken   func(job string, samples int)
	last    labels.Labels
	samples int
}

// Append implements storage.AppenderV2.
func (a *countedAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AppendV2Options) (storage.SeriesRef, error) { //nolint:revive // the interface's
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	if err == nil || errors.Is(err, (*storage.AppendPartialError)(nil)) {
		a.samples++
		a.last = ls
	}
	return ref, err
}

// Commit implements storage.AppenderTransaction.
func (a *countedAppender) Commit() error {
	// The labels are the scraper's again once it commits.
	job := strings.Clone(a.last.Get(model.JobLabel))
	if err := a.AppenderV2.Commit(); err != nil {
		return err
	}
	if a.samples > 0 {
		a.taken(job, a.samples)
	}
	return nil
}

// Failing is a scrape target whose last scrape failed.
type Failing struct {
	Job string
	// URL and Error hold no secret: what may be one is left out of both.
	URL, Error string
	LastScrape time.Time
	Took       time.Duration
}

// mostFailing bounds how many failing targets are told: more of them have one cause.
const mostFailing = 50

// failing lists the targets whose last scrape failed, by job and URL, and how many there are.
func failing(active map[string][]*scrape.Target) (list []Failing, all int) {
	for job, targets := range active {
		for _, t := range targets {
			if t.Health() != scrape.HealthBad {
				continue
			}
			f := Failing{Job: job, URL: withoutSecrets(t.URL()), LastScrape: t.LastScrape(), Took: t.LastScrapeDuration()}
			if err := t.LastError(); err != nil {
				f.Error = errorWithoutSecrets(err)
			}
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b Failing) int { return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.URL, b.URL)) })
	return list[:min(len(list), mostFailing)], len(list)
}

// withoutSecrets writes a URL without the values that may be secret: who asks, and every parameter but the names of modules.
func withoutSecrets(u *url.URL) string {
	shown := *u
	shown.User, shown.Fragment, shown.RawFragment = nil, "", ""
	query := shown.Query()
	shown.RawQuery, shown.ForceQuery = "", false
	var out strings.Builder
	out.WriteString(shown.String())
	for i, name := range slices.Sorted(maps.Keys(query)) {
		separator := "&"
		if i == 0 {
			separator = "?"
		}
		value := "…"
		if name == "module" {
			value = url.QueryEscape(query.Get(name))
		}
		out.WriteString(separator + url.QueryEscape(name) + "=" + value)
	}
	return out.String()
}

// written finds the addresses that errors quote.
var written = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^\s"'<>]+`)

// errorWithoutSecrets writes an error, with the addresses in it as withoutSecrets writes them.
func errorWithoutSecrets(err error) string {
	if transport, ok := errors.AsType[*url.Error](err); ok {
		err = transport.Err // The address stands beside it.
	}
	return written.ReplaceAllStringFunc(err.Error(), func(s string) string {
		u, err := url.Parse(s)
		if err != nil {
			return "…"
		}
		return withoutSecrets(u)
	})
}
