package oncall

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// source is where a calendar comes from: a file or an address.
type source struct {
	schedule, name string
	line           int
	file           string
	// address may hold a secret: it is in no error, log or answer.
	address address
	refresh time.Duration
}

// address is a URL that must not be shown.
type address string

// String keeps the address out of what formats it.
func (address) String() string { return "(address)" }

// GoString does so too.
func (address) GoString() string { return "(address)" }

const (
	defaultRefresh = 15 * time.Minute
	minRefresh     = time.Minute
	maxRefresh     = 24 * time.Hour
	maxAddress     = 4096
)

func (r *planReader) readSource(s *stack, node *yaml.Node, names map[string]bool) {
	what := "schedule " + s.id + ": ics"
	f := r.fields(node, what, "name", "url", "url_file", "file", "refresh")
	src := source{schedule: s.id, line: node.Line, refresh: defaultRefresh}
	var given int
	for _, key := range []string{"url", "url_file", "file"} {
		if !absent(f[key]) {
			given++
		}
	}
	if given != 1 {
		r.fault(node, "%s: give exactly one of url, url_file (a file that holds the address, which may be secret) and file", what)
		return
	}
	src.file = r.beside(f["file"], what+": file")
	if u := r.readAddress(f, what); u != nil {
		src.address, src.name = address(u.String()), u.Hostname()
	}
	if src.file != "" {
		src.name = filepath.Base(src.file)
	}
	src.name = cmp.Or(r.text(f["name"], what+": name"), src.name)
	if src.file == "" && src.address == "" {
		return
	}
	r.unique(node, what, src.name, names)
	if !absent(f["refresh"]) {
		every, err := time.ParseDuration(r.text(f["refresh"], what+": refresh"))
		switch {
		case err != nil || every < minRefresh || every > maxRefresh:
			r.fault(f["refresh"], "%s: refresh: write a duration from %s to %s, as 15m or 1h", what, "1m", "24h")
		case src.file != "":
			r.fault(f["refresh"], "%s: refresh has no effect on a file, which is read when the configuration is: remove it", what)
		}
		src.refresh = every
	}
	s.sources = append(s.sources, src)
}

// beside is a path that is relative to the file's folder.
func (r *planReader) beside(node *yaml.Node, what string) string {
	path := r.text(node, what)
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.path), path)
}

// readAddress reads url or url_file; nil if there is none, or none that can be used.
func (r *planReader) readAddress(f map[string]*yaml.Node, what string) *url.URL {
	if !absent(f["url"]) {
		u, err := parseAddress(r.text(f["url"], what+": url"))
		if err != nil {
			r.fault(f["url"], "%s: url: %w", what, err)
		}
		return u
	}
	path := r.beside(f["url_file"], what+": url_file")
	if path == "" {
		return nil
	}
	text, err := readBounded(path, maxAddress)
	if err != nil {
		r.fault(f["url_file"], "%s: url_file: %w", what, err)
		return nil
	}
	u, err := parseAddress(strings.TrimSpace(string(text)))
	if err != nil {
		r.fault(f["url_file"], "%s: url_file: in %s: %w", what, path, err)
	}
	return u
}

// parseAddress accepts http, https and webcal, which is https by another name. Its
// error does not hold the address.
func parseAddress(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("it is no address of the web (it is not repeated here because it may be secret)")
	}
	if u.Scheme == "webcal" {
		u.Scheme = "https"
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, errors.New("a calendar is fetched from an address that begins with https://, http:// or webcal://")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", path, limit)
	}
	return os.ReadFile(path)
}
