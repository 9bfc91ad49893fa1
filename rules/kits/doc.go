// Package kits holds what is known about common components: where their metrics
// come from, when they are too full, what to draw and what to do. A kit is one
// YAML file, embedded; `watchtower init --kit` writes it out as the files that
// its readers know: objectives (slos/), Prometheus rules (rules/), panels
// (boards/) and configuration to merge.
//
// # The file
//
//	name: redis                # in file names, labels and the board's address
//	title: Redis               # for people
//	about: One sentence.
//	service: redis             # the label `service` of its alerts
//	playbook: redis-saturation # of the embedded library
//	receiver:                  # how its metrics arrive
//	  about: What has to run.
//	  scrape_configs: […]      # Prometheus' syntax, and, or:
//	  otelcol: {receivers: …}  # the Collector's
//	metrics: […]               # every metric that rules and panels ask for, by Prometheus' name
//	optional:                  # … of these, what exists in special set-ups only
//	  - {metrics: […], reason: with a replica}
//	slos: […]                  # Sloth's, without version; may be left out
//	alerts:                    # each is a ticket at soft and a page at hard
//	  - alert: RedisMemory
//	    expr: redis_memory_used_bytes / redis_memory_max_bytes
//	    fires: above           # at or above; or below
//	    soft: {at: 0.8, for: 10m}
//	    hard: {at: 0.95, for: 2m}
//	    unit: ratio
//	    summary: …
//	    description: …
//	board: {uid, title, description}
//	panels: […]                # docs/dashboards.md
//
// An alert without a threshold that asks for a look and another that wakes
// somebody cannot be written.
package kits
