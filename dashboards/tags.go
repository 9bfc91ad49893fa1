package dashboards

// GeneratedTag is on every generated dashboard: it marks the dashboard as ours to
// replace and to remove, in a folder of files and in a Grafana.
const GeneratedTag = generatedTag
