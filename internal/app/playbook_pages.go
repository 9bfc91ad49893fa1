package app

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/playbooks"
	"github.com/watchtower-hub/watchtower/rules"
)

// playbookPages are the playbooks as the pages show them.
func (a *App) playbookPages() []web.Playbook {
	all := a.current.Load().Playbooks.All()
	pages, now := make([]web.Playbook, len(all)), time.Now()
	for i, p := range all {
		pages[i] = playbookPage(p, now)
	}
	return pages
}

// rememberedPlaybooks returns a function that renders the playbooks only when another
// configuration is in force, or when reviews may have become old: pages and searches ask
// for all of them.
func (a *App) rememberedPlaybooks() func() []web.Playbook {
	var (
		mu    sync.Mutex
		of    *config.Files
		at    time.Time
		pages []web.Playbook
	)
	return func() []web.Playbook {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if files := a.current.Load(); files != of || now.Sub(at) > pagingFresh {
			of, at, pages = files, now, a.playbookPages()
		}
		return pages
	}
}

func playbookPage(p playbooks.Playbook, now time.Time) web.Playbook {
	page := web.Playbook{
		ID: p.ID, Title: p.Title, Owner: p.Owner, Summary: p.Summary(), HTML: p.HTML(), Builtin: p.Builtin, Overdue: reviewDue(p, now),
	}
	if !p.Reviewed.IsZero() {
		page.Reviewed = p.Reviewed.Format(time.DateOnly)
	}
	for i, m := range p.Match {
		if i > 0 {
			page.Matches += " or "
		}
		page.Matches += m.String()
	}
	return page
}

// reviewDue says why somebody should read a playbook again, by the rule of check; "" if
// nobody need.
func reviewDue(p playbooks.Playbook, now time.Time) string {
	switch {
	case !config.ReviewOverdue(p, now):
		return ""
	case p.Reviewed.IsZero():
		return "never reviewed"
	default:
		return fmt.Sprintf("reviewed %d days ago, more than the %d after which it is due", int(now.Sub(p.Reviewed).Hours()/24), int(config.ReviewAge.Hours()/24))
	}
}

// pagingFresh is how long what is told of a configuration stays: only the age of reviews
// changes it.
const pagingFresh = time.Hour

// pagingPages returns a function that tells which playbook each page carries. It reads
// rule files, which a page must not do at every look: it does so once for a
// configuration, and again when reviews may have become old.
func (a *App) pagingPages() func() web.Paging {
	var (
		mu   sync.Mutex
		of   *config.Files
		at   time.Time
		told web.Paging
	)
	return func() web.Paging {
		files, now := a.current.Load(), time.Now()
		mu.Lock()
		defer mu.Unlock()
		if of != files || now.Sub(at) > pagingFresh {
			of, at, told = files, now, pagingOf(*files, filepath.Dir(a.options.ConfigFile), now)
		}
		return told
	}
}

// pagingOf is what check says of the alerts that page; dir is that of the configuration.
func pagingOf(files config.Files, dir string, now time.Time) web.Paging {
	promises := map[string]rules.Objective{}
	for _, o := range files.Objectives {
		promises[o.ID] = o
	}
	alerts, n := files.Paging(now)
	out := web.Paging{Summary: n.String(), Alerts: make([]web.Paged, len(alerts))}
	for i, p := range alerts {
		o := promises[p.Objective]
		out.Alerts[i] = web.Paged{
			Alert: p.Name, Objective: p.Objective, Promise: o.Promise, Playbook: p.Playbook, Excuse: p.Excuse,
			Where: writtenAt(p.File, p.Line, dir),
		}
	}
	return out
}

// writtenAt is a place in a file, from the folder of the configuration if it lies there:
// how the machine's folders are called is nobody's concern.
func writtenAt(file string, line int, dir string) string {
	if file == "" {
		return ""
	}
	if near, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(near) {
		file = near
	}
	return fmt.Sprintf("%s:%d", filepath.ToSlash(file), line)
}
