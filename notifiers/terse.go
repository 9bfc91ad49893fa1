package notifiers

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	amconfig "github.com/prometheus/alertmanager/config"
	"go.yaml.in/yaml/v2"
)

const (
	// hiddenWebhook stands where the URL of a webhook was. Older amtools read <secret> in many places, but not there.
	hiddenWebhook = "https://secret.invalid/"
	// webhookURL is where.
	webhookURL = "receivers.webhook_configs.url"
)

// terseAnswer shortens the configuration in an answer of /api/v2/status. An answer of another form stays as it is.
func terseAnswer(body string) string {
	var answer map[string]any
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return body
	}
	config, _ := answer["config"].(map[string]any)
	text, ok := config["original"].(string)
	if !ok {
		return body
	}
	text, err := terse(text)
	if err != nil {
		return body
	}
	config["original"] = text
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // as Alertmanager
	if err := enc.Encode(answer); err != nil {
		return body
	}
	return out.String()
}

// terse leaves out of a configuration, as Alertmanager writes it, the keys that came after Alertmanager 0.25 and that
// say what holds without them: the amtool of that age, which Debian ships, refuses every key it does not know. Whoever
// reads the result reads the same configuration. One that makes use of a newer key needs a newer amtool.
func terse(text string) (string, error) {
	var doc yaml.MapSlice
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return "", fmt.Errorf("read the configuration to show: %w", err)
	}
	out, err := yaml.Marshal(terseMap(doc, "", newerKeys()))
	if err != nil {
		return "", fmt.Errorf("write the configuration to show: %w", err)
	}
	return string(out), nil
}

// newerKeys are written although nobody has set them, with these values.
func newerKeys() map[string]any {
	global := amconfig.DefaultGlobalConfig()
	return map[string]any{
		"global.smtp_tls_config":                 yaml.MapSlice{{Key: "insecure_skip_verify", Value: false}},
		"global.slack_app_url":                   global.SlackAppURL.String(),
		"global.rocketchat_api_url":              global.RocketchatAPIURL.String(),
		"receivers.slack_configs.app_url":        global.SlackAppURL.String(),
		"receivers.slack_configs.update_message": false,
		"receivers.slack_configs.timeout":        "0s",
		"receivers.pagerduty_configs.timeout":    "0s",
		"receivers.webhook_configs.timeout":      "0s",
		"receivers.webhook_configs.url_file":     "",
	}
}

func terseMap(m yaml.MapSlice, path string, newer map[string]any) yaml.MapSlice {
	out := make(yaml.MapSlice, 0, len(m))
	for _, item := range m {
		at := fmt.Sprint(item.Key)
		if path != "" {
			at = path + "." + at
		}
		if usual, isNewer := newer[at]; isNewer && reflect.DeepEqual(item.Value, usual) || at == "receivers.labels" && onlyName(item.Value, m) {
			continue
		}
		item.Value = terseValue(item.Value, at, newer)
		out = append(out, item)
	}
	return out
}

// terseValue is what a value becomes; the entries of a list are all at the path of the list.
func terseValue(v any, path string, newer map[string]any) any {
	switch v := v.(type) {
	case yaml.MapSlice:
		return terseMap(v, path, newer)
	case []any:
		out := make([]any, len(v))
		for i, entry := range v {
			out[i] = terseValue(entry, path, newer)
		}
		return out
	case string:
		if path == webhookURL && v == redacted {
			return hiddenWebhook
		}
	}
	return v
}

// onlyName reports the label that Alertmanager gives every receiver, alone.
func onlyName(labels any, receiver yaml.MapSlice) bool {
	set, ok := labels.(yaml.MapSlice)
	if !ok || len(set) != 1 || set[0].Key != "name" {
		return false
	}
	for _, item := range receiver {
		if item.Key == "name" {
			return item.Value == set[0].Value
		}
	}
	return false
}
