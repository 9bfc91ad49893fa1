package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// SlackSecrets are what Slack gave the app. Each is empty where none is configured.
type SlackSecrets struct {
	// BotToken (xoxb-…) sends; without it the local inbox takes Slack's place.
	BotToken string
	// AppToken (xapp-…) opens Socket Mode; SigningSecret checks requests from Slack.
	AppToken, SigningSecret string
}

// Slack reads the secrets: each from its configured file, else from its environment
// variable. The error joins all faults and holds no secret.
func (c Config) Slack() (SlackSecrets, error) {
	var s SlackSecrets
	conf := c.Notifiers.Slack
	var faults []error
	for _, secret := range []struct {
		to                                *string
		key, file, variable, what, begins string
	}{
		{&s.BotToken, "bot_token_file", conf.BotTokenFile, "SLACK_BOT_TOKEN", "the bot token", "xoxb-"},
		{&s.AppToken, "app_token_file", conf.AppTokenFile, "SLACK_APP_TOKEN", "the app token", "xapp-"},
		{&s.SigningSecret, "signing_secret_file", conf.SigningSecretFile, "SLACK_SIGNING_SECRET", "the signing secret", ""},
	} {
		text, err := readSecret(secret.file, secret.variable)
		switch {
		case err != nil:
		case secret.file != "" && text == "":
			err = fmt.Errorf("%s is empty: put %s into it", secret.file, secret.what)
		case text != "" && secret.begins == "xapp-" && !strings.HasPrefix(text, secret.begins):
			err = errors.New("this is not an app token, which begins with xapp-: create one with the scope connections:write under Basic Information, App-Level Tokens")
		}
		if err != nil {
			key := "notifiers.slack." + secret.key
			if secret.file == "" {
				key = secret.variable
			}
			faults = append(faults, c.where.fault("notifiers", fmt.Errorf("%s: %w", key, err)))
		}
		*secret.to = text
	}
	return s, errors.Join(faults...)
}

// GrafanaToken reads the token of the service account that pushes dashboards: from
// its configured file, else from GRAFANA_TOKEN; "" where there is neither. No error
// holds it.
func (c Config) GrafanaToken() (string, error) {
	file := c.Dashboards.Grafana.TokenFile
	token, err := readSecret(file, "GRAFANA_TOKEN")
	if err == nil && file != "" && token == "" {
		err = fmt.Errorf("%s is empty: put the token of a Grafana service account into it", file)
	}
	if err != nil {
		return "", c.where.fault("dashboards", fmt.Errorf("dashboards.grafana.token_file: %w", err))
	}
	return token, nil
}

func readSecret(file, variable string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(variable)), nil
	}
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}
