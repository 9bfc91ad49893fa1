package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
)

// PromRulesOptions are the needs of PromRules. Appendable, Queryable and Query are
// required.
type PromRulesOptions struct {
	// Patterns of rule files, relative to Base.
	Patterns []string
	Base     string
	// Interval is that of groups which set none; 15 s when 0.
	Interval   time.Duration
	Appendable storage.Appendable
	Queryable  storage.Queryable
	Query      promrules.QueryFunc
	// Send hands alerts on; nil drops them.
	Send promrules.NotifyFunc
	// ExternalURL and ExternalLabels are what templates in rules may refer to.
	ExternalURL    *url.URL
	ExternalLabels map[string]string
	Logger         *slog.Logger
	Registerer     prometheus.Registerer
}

// PromRules runs Prometheus rule files with Prometheus' own rule manager. Safe for
// concurrent use.
type PromRules struct {
	manager  *promrules.Manager
	interval time.Duration
	base     string
	external string
	labels   labels.Labels

	// mu guards patterns and running.
	mu       sync.Mutex
	patterns []string
	running  bool
}

// NewPromRules checks the rule files; nothing runs before Run.
func NewPromRules(o PromRulesOptions) (*PromRules, error) {
	if o.Appendable == nil || o.Queryable == nil || o.Query == nil {
		return nil, errors.New("prometheus rules: Appendable, Queryable and Query are required")
	}
	if err := CheckPromRules(o.Patterns, o.Base); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ExternalURL == nil {
		o.ExternalURL = &url.URL{}
	}
	if o.Send == nil {
		o.Send = func(context.Context, string, ...*promrules.Alert) {}
	}
	if o.Interval <= 0 {
		o.Interval = 15 * time.Second
	}
	return &PromRules{
		interval: o.Interval, base: o.Base, patterns: slices.Clone(o.Patterns),
		external: o.ExternalURL.String(), labels: labels.FromMap(o.ExternalLabels),
		manager: promrules.NewManager(&promrules.ManagerOptions{
			Appendable: o.Appendable, Queryable: o.Queryable, QueryFunc: o.Query, NotifyFunc: o.Send,
			ExternalURL: o.ExternalURL, Context: context.Background(),
			Logger: o.Logger.With("component", "prometheus_rules"), Registerer: o.Registerer,
			OutageTolerance: time.Hour, ForGracePeriod: 10 * time.Minute, ResendDelay: resendDelay,
			Parser: newParser(),
		}),
	}, nil
}

// Run evaluates the rules until ctx ends.
func (p *PromRules) Run(ctx context.Context) error {
	p.mu.Lock()
	p.running = true
	err := p.update()
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(p.manager.Run)
	if err == nil {
		<-ctx.Done()
	}
	p.mu.Lock()
	p.running = false
	p.mu.Unlock()
	p.manager.Stop()
	wg.Wait()
	return err
}

// Reload reads the rule files again; on a fault the running rules stay.
func (p *PromRules) Reload(patterns []string) error {
	if err := CheckPromRules(patterns, p.base); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.patterns = slices.Clone(patterns)
	if !p.running {
		return nil
	}
	return p.update()
}

// update hands the files to the manager. The lock is held.
func (p *PromRules) update() error {
	files, err := expand(p.patterns, p.base)
	if err != nil {
		return err
	}
	if err := p.manager.Update(p.interval, files, p.labels, p.external, nil); err != nil {
		return fmt.Errorf("load prometheus rules: %w", err)
	}
	return nil
}

// RuleGroups returns the groups that run.
func (p *PromRules) RuleGroups() []*promrules.Group { return p.manager.RuleGroups() }

// AlertingRules returns the alerting rules that run.
func (p *PromRules) AlertingRules() []*promrules.AlertingRule { return p.manager.AlertingRules() }

// CheckPromRules reports every fault of the rule files that patterns name,
// relative to base, as "file:line: sentence".
func CheckPromRules(patterns []string, base string) error {
	files, err := expand(patterns, base)
	all := []error{err}
	for _, file := range files {
		b, err := readFile(file)
		if err != nil {
			all = append(all, err)
			continue
		}
		_, faults := rulefmt.Parse(b, false, model.UTF8Validation, newParser(), slog.New(slog.DiscardHandler))
		for _, fault := range faults {
			all = append(all, ruleFaults(filepath.Clean(file), fault)...)
		}
	}
	return errors.Join(all...)
}

var (
	rulePosition = regexp.MustCompile(`^(\d+):\d+: (?:\d+:\d+: )?`)
	yamlPosition = regexp.MustCompile(`line (\d+): (.*)`)
)

// ruleFaults puts the line of a fault where people and editors look for it.
func ruleFaults(file string, fault error) []error {
	text := strings.TrimSpace(fault.Error())
	if m := rulePosition.FindStringSubmatch(text); m != nil {
		return []error{fmt.Errorf("%s:%s: %s", file, m[1], text[len(m[0]):])}
	}
	var out []error
	for _, m := range yamlPosition.FindAllStringSubmatch(text, -1) {
		out = append(out, fmt.Errorf("%s:%s: %s", file, m[1], m[2]))
	}
	if len(out) == 0 {
		out = append(out, fmt.Errorf("%s:1: %s", file, text))
	}
	return out
}
