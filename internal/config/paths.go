package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// resolve makes every path of the file relative to the file's own folder.
func (c *Config) resolve(base string) {
	for _, p := range []*string{
		&c.DataDir, &c.Web.ConfigFile, &c.Notifiers.Alertmanager, &c.Notifiers.OnCall,
		&c.Notifiers.Slack.BotTokenFile, &c.Notifiers.Slack.AppTokenFile, &c.Notifiers.Slack.SigningSecretFile, &c.Notifiers.Cluster.TLSConfig,
	} {
		*p = resolved(base, *p)
	}
	for _, list := range [][]string{c.Rules.Objectives, c.Rules.Prometheus, c.Playbooks, c.Dashboards.Extra, c.Reports.Postmortems} {
		for i, p := range list {
			list[i] = resolved(base, p)
		}
	}
	for _, sc := range c.Collectors.ScrapeConfigs {
		sc.SetDirectory(base)
	}
	c.Collectors.Global.SetDirectory(base)
	c.Notifiers.SetDirectory(base)
	c.Dashboards.SetDirectory(base)
	c.SelfWatch.SetDirectory(base)
}

func resolved(base, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}

// PlaybookDirs are the configured folders. The default folder need not exist; one
// that the file names must.
func (c Config) PlaybookDirs() []string {
	if c.where.named("playbooks") {
		return c.Playbooks
	}
	return slices.DeleteFunc(slices.Clone(c.Playbooks), func(dir string) bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	})
}
