package notifiers

import (
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sync"

	amconfig "github.com/prometheus/alertmanager/config"
	amcommon "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/matcher/compat"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v2"
)

//go:embed default.yml
var defaultConfig []byte

// ownSlack is the api_url of a slack_config whose file names neither URL nor token: it means the Slack that Watchtower
// is connected to. It is never dialed; Options.Slack sees no URL in its place. It stays in the configuration that the
// API shows, as <secret>, because amtool refuses to read a slack_config without one.
const ownSlack = "https://slack.watchtower.invalid/"

// matcherSyntax guards the choice that Alertmanager keeps for the whole process.
var matcherSyntax sync.Once

// useUTF8Matchers selects the label and matcher syntax that the Alertmanager program selects by default.
func useUTF8Matchers() {
	matcherSyntax.Do(func() { compat.InitFromFlags(slog.New(slog.DiscardHandler), featurecontrol.NoopFlags{}) })
}

// Load reads an alertmanager.yml and refuses what New and Reload would refuse: unknown keys, undefined receivers,
// templates that do not parse, integrations that cannot be built. An empty name means the built-in configuration. Every
// file that loads in Alertmanager loads here; so does a slack_config without URL and token. The error joins all known
// faults as file:line: sentence.
func Load(file string) (*amconfig.Config, error) {
	b := planBuilder{logger: slog.New(slog.DiscardHandler)}
	p, err := b.build(file)
	if err != nil {
		return nil, err
	}
	return p.conf, nil
}

// Receivers names the receivers that an alert with these labels reaches, in routing order. Receivers without any
// integration are left out: nobody hears them. An empty result means that the alert goes nowhere.
func Receivers(conf *amconfig.Config, lset map[string]string) []string {
	if conf == nil || conf.Route == nil {
		return nil
	}
	audible := map[string]bool{}
	for _, r := range conf.Receivers {
		audible[r.Name] = integrationCount(r) > 0
	}
	labels := make(model.LabelSet, len(lset))
	for name, value := range lset {
		labels[model.LabelName(name)] = model.LabelValue(value)
	}
	var names []string
	for _, r := range dispatch.NewRoute(conf.Route, nil).Match(labels) {
		if audible[r.RouteOpts.Receiver] {
			names = append(names, r.RouteOpts.Receiver)
		}
	}
	return names
}

// integrationCount counts the entries of all *_configs lists of a receiver, whichever kinds this version knows.
func integrationCount(r amconfig.Receiver) int {
	n := 0
	for _, v := range reflect.ValueOf(r).Fields() {
		if v.Kind() == reflect.Slice {
			n += v.Len()
		}
	}
	return n
}

// source is the text of a configuration and the name its faults are reported under.
type source struct {
	name string
	text []byte
}

// readSource reads file, or the built-in configuration if file is empty.
func readSource(file string) (source, error) {
	if file == "" {
		return source{name: "built-in route", text: defaultConfig}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return source{}, fmt.Errorf("read alertmanager.yml: %w", err)
	}
	return source{name: file, text: text}, nil
}

// parseConfig parses src. Relative paths in it are made relative to dir.
func parseConfig(src source, dir string) (*amconfig.Config, error) {
	useUTF8Matchers()
	conf, err := guarded(func() (*amconfig.Config, error) { return parseOwnSlack(src.text, dir) })
	if err != nil {
		return nil, located(src, err)
	}
	return conf, nil
}

// guarded turns a panic of Alertmanager's parser into an error: some of its checks follow pointers that a file may
// leave empty.
func guarded(parse func() (*amconfig.Config, error)) (conf *amconfig.Config, err error) {
	defer func() {
		if r := recover(); r != nil {
			conf, err = nil, errors.New("a value is missing here (an empty list entry, or update_message without api_url)")
		}
	}()
	return parse()
}

// parseOwnSlack is config.Load and the path resolution of config.LoadFile, with one addition: before Alertmanager
// checks what it has read, a global section without any Slack URL or token gets the URL ownSlack. The check then
// passes, and the slack_configs that would have failed it inherit a URL that is recognized later.
func parseOwnSlack(text []byte, dir string) (*amconfig.Config, error) {
	conf := &amconfig.Config{}
	err := conf.UnmarshalYAML(func(fields any) error {
		// fields is conf itself without its methods, so what is decoded here can be completed there.
		if err := yaml.UnmarshalStrict(text, fields); err != nil {
			return err
		}
		if conf.Global == nil {
			conf.Global = new(amconfig.DefaultGlobalConfig())
		}
		g := conf.Global
		if g.SlackAPIURL == nil && g.SlackAPIURLFile == "" && g.SlackAppToken == "" && g.SlackAppTokenFile == "" {
			g.SlackAPIURL = (*amcommon.SecretURL)(amcommon.MustParseURL(ownSlack))
		}
		for _, r := range conf.Receivers {
			for i, c := range r.SlackConfigs {
				if c == nil { // Alertmanager accepts an empty list entry here and panics later.
					r.SlackConfigs[i] = new(amconfig.DefaultSlackConfig)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if conf.Route.Continue {
		return nil, errors.New("cannot have continue in root route")
	}
	for i, pattern := range conf.Templates {
		conf.Templates[i] = commoncfg.JoinDir(dir, pattern)
	}
	resolvePaths(reflect.ValueOf(conf), dir)
	return conf, nil
}

// resolvePaths makes the file names of every HTTP client configuration below v relative to dir, which is absolute:
// several receivers may share one and resolve it again.
func resolvePaths(v reflect.Value, dir string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || !v.CanInterface() {
			return
		}
		if c, ok := reflect.TypeAssert[*commoncfg.HTTPClientConfig](v); ok {
			c.SetDirectory(dir)
			return
		}
		resolvePaths(v.Elem(), dir)
	case reflect.Struct:
		for f, field := range v.Fields() {
			if f.IsExported() {
				resolvePaths(field, dir)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			resolvePaths(v.Index(i), dir)
		}
	default:
	}
}

// ownSlackConfig returns a copy of c as Options.Slack sees it: without the URL that only says "our own Slack".
func ownSlackConfig(c *amconfig.SlackConfig) *amconfig.SlackConfig {
	own := *c
	if own.APIURL != nil && own.APIURL.String() == ownSlack {
		own.APIURL = nil
	}
	return &own
}

// directory returns the absolute directory that the paths in file are relative to.
func directory(file string) (string, error) {
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return "", fmt.Errorf("find the directory of %s: %w", file, err)
	}
	return dir, nil
}
