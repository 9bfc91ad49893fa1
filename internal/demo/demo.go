package demo

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"text/template"
	"time"

	"github.com/watchtower-hub/watchtower/internal/app"
)

//go:embed files
var files embed.FS

// Options say how to run the demo.
type Options struct {
	For     time.Duration // 0: until the context ends
	Listen  string        // of the pages and APIs
	Version string
	Logger  *slog.Logger
	Tell    io.Writer // where the story is told
	Now     func() time.Time
}

// patience is how long parts of the demo may take to start and to stop.
const patience = 30 * time.Second

// demo is a running demo.
type demo struct {
	options Options
	story   Story
	dir     string
	app     *app.App
	backend *backend
	load    *load
	began   time.Time // of the load
}

// Run plays the story once, then goes on with calm traffic until it is told to
// end. The summary says what was paged and how fast.
func Run(ctx context.Context, o Options) (summary Summary, err error) {
	dir, err := os.MkdirTemp("", "watchtower-demo-")
	if err != nil {
		return Summary{}, fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{options: o, story: Viral(), dir: dir}
	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	return d.run(ctx)
}

// run starts the server, the backend and the load, tells the story, and stops all
// of them in reverse.
func (d *demo) run(ctx context.Context) (summary Summary, err error) {
	targets, err := reserve(ctx, services())
	if err != nil {
		return Summary{}, err
	}
	d.tell("Writing four weeks of history …")
	written := time.Now()
	past, err := writeHistory(ctx, filepath.Join(d.dir, "data"), d.options.Now().Truncate(time.Second), d.story)
	if err != nil {
		return Summary{}, err
	}
	d.tell("%d samples in %s.", past, time.Since(written).Round(10*time.Millisecond))
	stop, err := d.startServer(ctx, targets)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var to otlp
	to.grpc, to.http = d.app.OTLPAddrs()
	d.backend, err = startBackend(ctx, targets, to, d.failing)
	if err != nil {
		return Summary{}, err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		err = errors.Join(err, d.backend.stop(ending))
	}()
	d.tell("Four services run: auth, feed, share and media.\n\n  objectives  %[1]s/\n  Slack       %[1]s/inbox\n  status      %[1]s/status\n", d.app.URL())
	return d.play(ctx)
}

// play drives the load, narrates, and sums up at the end.
func (d *demo) play(ctx context.Context) (Summary, error) {
	d.began = d.options.Now()
	d.load = &load{backend: d.backend, client: &http.Client{Timeout: patience}, rate: func() float64 { return d.story.Rate(d.since()) }}
	loading, endLoad := context.WithCancel(ctx)
	loaded := make(chan struct{})
	go func() { defer close(loaded); d.load.run(loading) }()
	d.narrate(ctx)
	endLoad()
	<-loaded
	return d.summarize(context.WithoutCancel(ctx))
}

// startServer opens a Watchtower on the demo's configuration and runs it until the
// returned function is called.
func (d *demo) startServer(ctx context.Context, targets map[string]net.Listener) (stop func() error, err error) {
	conf, err := d.writeConfig(targets)
	if err != nil {
		return nil, err
	}
	d.app, err = app.Open(ctx, app.Options{ConfigFile: conf, Version: d.options.Version, Logger: d.options.Logger, LocalSlack: true})
	if err != nil {
		return nil, fmt.Errorf("%w (the demo's address is --listen; port 0 takes any free one)", err)
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- d.app.Run(running) }()
	stop = func() error {
		cancel()
		return errors.Join(<-ran, d.app.Close())
	}
	select {
	case <-d.app.Ready():
		return stop, nil
	case err := <-ran:
		cancel()
		return nil, errors.Join(err, d.app.Close())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), stop())
	}
}

// target is a scrape target of the demo's configuration.
type target struct{ Service, Address string }

// writeConfig writes the demo's configuration into its folder.
func (d *demo) writeConfig(targets map[string]net.Listener) (path string, err error) {
	root, err := fs.Sub(files, "files")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(d.dir, root); err != nil {
		return "", fmt.Errorf("write the demo's configuration: %w", err)
	}
	tmpl, err := template.ParseFS(root, "watchtower.yaml")
	if err != nil {
		return "", err
	}
	values := struct {
		Listen, DataDir string
		Targets         []target
	}{Listen: d.options.Listen, DataDir: filepath.Join(d.dir, "data")}
	for _, name := range services() {
		values.Targets = append(values.Targets, target{name, targets[name].Addr().String()})
	}
	var text bytes.Buffer
	if err := tmpl.Execute(&text, values); err != nil {
		return "", err
	}
	path = filepath.Join(d.dir, "watchtower.yaml")
	return path, os.WriteFile(path, text.Bytes(), 0o600)
}

// reserve binds a loopback port for each service, so that the scraper can be told
// the addresses before the services run.
func reserve(ctx context.Context, names []string) (map[string]net.Listener, error) {
	bound := make(map[string]net.Listener, len(names))
	for _, name := range slices.Sorted(slices.Values(names)) {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("listen for %s: %w", name, err)
		}
		bound[name] = ln
	}
	return bound, nil
}

// since is how far the story has come.
func (d *demo) since() time.Duration { return d.options.Now().Sub(d.began) }

// failing says which release serves a request now, and what share of such requests
// fail; none before the story begins.
func (d *demo) failing(service string) (release string, ratio float64) {
	if d.began.IsZero() {
		return goodRelease, 0
	}
	return d.story.Serve(service, d.since(), rand.Float64())
}

// tell prints a line of the story.
func (d *demo) tell(format string, args ...any) {
	fmt.Fprintf(d.options.Tell, format+"\n", args...)
}
