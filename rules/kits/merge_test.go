package kits

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// merge adds two small kits to a configuration.
func merge(t *testing.T, config string) (string, []string, error) {
	t.Helper()
	var kits []Kit
	for _, text := range []string{
		"name: a\nreceiver: {scrape_configs: [{job_name: redis, static_configs: [{targets: ['x:1']}]}]}",
		"name: b\nreceiver:\n  otelcol:\n    receivers:\n      memcached: {endpoint: 'x:2'}\n  scrape_configs:\n    - job_name: node\n      # Every host.\n      static_configs:\n        - targets: ['x:3']",
	} {
		k, err := parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		kits = append(kits, k)
	}
	merged, kept, err := Merge([]byte(config), kits)
	return string(merged), kept, err
}

func TestMerge(t *testing.T) {
	const jobs = "%[1]s- job_name: node\n%[1]s  # Every host.\n%[1]s  static_configs:\n%[1]s    - targets: ['x:3']\n" +
		"%[1]s- {job_name: redis, static_configs: [{targets: ['x:1']}]}\n"
	at := func(n int) string { return fmt.Sprintf(jobs, strings.Repeat(" ", n)) }
	for _, c := range []struct{ name, config, want, kept string }{
		{
			name:   "nothing there",
			config: "web: {listen: 127.0.0.1:1} # here\n",
			want: "web: {listen: 127.0.0.1:1} # here\n\ncollectors:\n  otelcol:\n    receivers:\n      memcached: {endpoint: 'x:2'}\n" +
				"  scrape_configs:\n" + at(4),
		},
		{
			name:   "a list and a mapping",
			config: "collectors:\n  # Mine.\n  scrape_configs:   # all\n    - job_name: api   # first\n  otelcol:\n    receivers:\n      nginx: {}\nweb: {}\n",
			want: "collectors:\n  # Mine.\n  scrape_configs:   # all\n" + at(4) + "    - job_name: api   # first\n" +
				"  otelcol:\n    receivers:\n      memcached: {endpoint: 'x:2'}\n      nginx: {}\nweb: {}\n",
		},
		{
			name:   "a list at its key's own column",
			config: "collectors:\n  otelcol: {}\n  scrape_configs:\n  - job_name: api\n",
			want:   "collectors:\n  otelcol:\n    receivers:\n      memcached: {endpoint: 'x:2'}\n  scrape_configs:\n" + at(2) + "  - job_name: api\n",
		},
		{
			name:   "empty",
			config: "collectors:\n  scrape_configs: []  # none yet\n",
			want: "collectors:\n  otelcol:\n    receivers:\n      memcached: {endpoint: 'x:2'}\n  scrape_configs:  # none yet\n" +
				at(4),
		},
		{
			name:   "taken",
			config: "collectors:\n  scrape_configs:\n    - job_name: redis\n    - job_name: node\n  otelcol: {receivers: {memcached: {}}}\n",
			want:   "collectors:\n  scrape_configs:\n    - job_name: redis\n    - job_name: node\n  otelcol: {receivers: {memcached: {}}}\n",
			kept:   "job redis, job node, receiver memcached",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, kept, err := merge(t, c.config)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.ReplaceAll(c.want, "scrape_configs:  #", "scrape_configs: #"), got); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
			if strings.Join(kept, ", ") != c.kept {
				t.Errorf("kept %q, want %q", kept, c.kept)
			}
			again, kept, err := merge(t, got)
			if err != nil || again != got || len(kept) != 3 {
				t.Errorf("a second time: kept %q, %v\n%s", kept, err, again)
			}
		})
	}
}

func TestMergeSaysWhatToDoByHand(t *testing.T) {
	for config, want := range map[string]string{
		"collectors: {scrape_configs: [{job_name: api}]}": "collectors.scrape_configs is written on one line",
		"collectors: {otlp: {}}":                          "kit a: collectors is written on one line or by an alias: write it out over several, or put this there yourself:\nscrape_configs:\n",
		"x: &x {otlp: {}}\ncollectors: *x":                "collectors is written on one line or by an alias",
		"a: [":                                            "is not YAML",
	} {
		_, _, err := merge(t, config)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
}

func FuzzMerge(f *testing.F) {
	f.Add("collectors:\n  scrape_configs:\n    - job_name: api\n")
	f.Add("collectors:\n  ? otelcol\n  : {}\n")
	kits, err := Find("redis", "memcached")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		_, _, _ = Merge([]byte(text), kits) // It does not fall over.
	})
}
