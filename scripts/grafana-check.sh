#!/bin/sh
# Delivers generated dashboards to a real Grafana, in a folder of their own, and
# removes them again:
#
#   GRAFANA_URL=http://localhost:3000 GRAFANA_TOKEN=glsa_… \
#   WATCHTOWER_URL=http://localhost:9911 scripts/grafana-check.sh
#
# The token is that of a service account with the role Admin, which data sources
# need. WATCHTOWER_URL is where that Grafana reaches a Watchtower; without it no
# query is asked. Checked are: everything is added, the second time nothing
# changes, an edit by hand is kept and can be overwritten, Grafana takes the second
# format, and every query of every panel is answered without an error.
set -eu
if [ -z "${GRAFANA_URL:-}" ]; then
	echo "skipped: GRAFANA_URL is not set, so there is no Grafana to deliver to"
	exit 0
fi
cd "$(dirname "$0")/.."
exec go test ./dashboards/grafana -run 'TestRealGrafana$' -count=1 -v
