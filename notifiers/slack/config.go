package slack

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Config is the section notifiers.slack of watchtower.yaml.
type Config struct {
	// APIURL is the base of the Slack Web API, such as https://slack.com/api/.
	// Empty: Slack itself when there is a token, else the local inbox.
	APIURL string `yaml:"api_url,omitempty"`
	// BotTokenFile holds the bot token (xoxb-…); the environment variable
	// SLACK_BOT_TOKEN takes its place when it is empty.
	BotTokenFile string `yaml:"bot_token_file,omitempty"`
	// AppTokenFile and SigningSecretFile are reserved for interactions.
	AppTokenFile      string `yaml:"app_token_file,omitempty"`
	SigningSecretFile string `yaml:"signing_secret_file,omitempty"`
	// DefaultChannel receives what names no channel.
	DefaultChannel string `yaml:"default_channel,omitempty"`
}

// maxChannelName is Slack's own limit for the name of a channel.
const maxChannelName = 80

// DefaultConfig returns what holds when watchtower.yaml says nothing.
func DefaultConfig() Config {
	return Config{DefaultChannel: "#oncall"}
}

// Validate returns every fault of the configuration, joined.
func (c Config) Validate() error {
	return errors.Join(
		validateAPIURL(c.APIURL),
		validateChannel(c.DefaultChannel),
		reserved("app_token_file", c.AppTokenFile),
		reserved("signing_secret_file", c.SigningSecretFile),
	)
}

func validateAPIURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		// The URL itself is not repeated: it may hold a password.
		return errors.New("notifiers.slack.api_url: write the base of a Slack Web API, such as https://slack.com/api/")
	}
	if strings.HasPrefix(u.Path, "/services/") {
		return errors.New("notifiers.slack.api_url: this is an incoming webhook, which cannot edit messages; write https://slack.com/api/ and a bot token, or put the webhook into slack_configs of alertmanager.yml")
	}
	return nil
}

func validateChannel(s string) error {
	name := strings.TrimLeft(s, "#@")
	switch {
	case name == "":
		return errors.New(`notifiers.slack.default_channel: name a channel, such as "#oncall"`)
	case len([]rune(name)) > maxChannelName || strings.ContainsAny(s, " \t\n,"):
		return fmt.Errorf("notifiers.slack.default_channel: %q is not the name of a Slack channel: at most %d characters, no spaces or commas", s, maxChannelName)
	}
	return nil
}

func reserved(key, value string) error {
	if value == "" {
		return nil
	}
	return fmt.Errorf("notifiers.slack.%s: buttons that answer are not part of this version; remove the key (pages, edits and threads need only bot_token_file)", key)
}
