package slack

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Config is the section notifiers.slack of watchtower.yaml.
type Config struct {
	// APIURL is the base of the Slack Web API, such as https://slack.com/api/.
	// Empty: Slack itself when there is a token, else the local inbox.
	APIURL string `yaml:"api_url,omitempty"`
	// BotTokenFile holds the bot token (xoxb-…); the environment variable
	// SLACK_BOT_TOKEN takes its place when it is empty.
	BotTokenFile string `yaml:"bot_token_file,omitempty"`
	// AppTokenFile holds the app token (xapp-…) that opens Socket Mode: buttons
	// answer without a public address. SLACK_APP_TOKEN takes its place when it is empty.
	AppTokenFile string `yaml:"app_token_file,omitempty"`
	// SigningSecretFile holds the secret that proves that a request to
	// /slack/interactions comes from Slack. SLACK_SIGNING_SECRET takes its place when
	// it is empty.
	SigningSecretFile string `yaml:"signing_secret_file,omitempty"`
	// AllowedUserGroups are the IDs of the user groups (S0123ABCD) whose members may
	// press the buttons of a page. Empty: everybody in the workspace.
	AllowedUserGroups []string `yaml:"allowed_user_groups,omitempty"`
	// StakeholderChannel gets updates in plain words; empty: there is none.
	StakeholderChannel string `yaml:"stakeholder_channel,omitempty"`
	// StakeholderUpdates is how long nothing may be said there while a promise does not
	// hold. Zero: only what `/watchtower update` sends is said.
	StakeholderUpdates model.Duration `yaml:"stakeholder_updates"`
	// StormLimit is how many new incidents a minute a channel gets one message each
	// for. More become one digest message. 0: any number.
	StormLimit int `yaml:"storm_limit,omitempty"`
	// DefaultChannel receives what names no channel.
	DefaultChannel string `yaml:"default_channel,omitempty"`
}

// maxChannelName is Slack's own limit for the name of a channel.
const maxChannelName = 80

// DefaultConfig returns what holds when watchtower.yaml says nothing.
func DefaultConfig() Config {
	return Config{DefaultChannel: "#oncall", StormLimit: 10, StakeholderUpdates: model.Duration(30 * time.Minute)}
}

// Validate returns every fault of the configuration, joined.
func (c Config) Validate() error {
	return errors.Join(
		validateAPIURL(c.APIURL),
		validateChannel("default_channel", c.DefaultChannel),
		validateStakeholders(c.StakeholderChannel),
		validateUpdates(time.Duration(c.StakeholderUpdates)),
		validateGroups(c.AllowedUserGroups),
		validateStorm(c.StormLimit),
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

func validateUpdates(every time.Duration) error {
	if every != 0 && every < time.Minute {
		return fmt.Errorf("notifiers.slack.stakeholder_updates: %s is too often for people to read: write at least 1m, or 0s for updates by hand alone", every)
	}
	return nil
}

func validateStakeholders(s string) error {
	if s == "" {
		return nil
	}
	return validateChannel("stakeholder_channel", s)
}

func validateChannel(key, s string) error {
	name := strings.TrimLeft(s, "#@")
	switch {
	case name == "":
		return fmt.Errorf(`notifiers.slack.%s: name a channel, such as "#oncall"`, key)
	case len([]rune(name)) > maxChannelName || strings.ContainsAny(s, " \t\n,"):
		return fmt.Errorf("notifiers.slack.%s: %q is not the name of a Slack channel: at most %d characters, no spaces or commas", key, s, maxChannelName)
	}
	return nil
}

func validateGroups(ids []string) error {
	var faults []error
	for _, id := range ids {
		if !isGroupID(id) {
			faults = append(faults, fmt.Errorf("notifiers.slack.allowed_user_groups: %q is not the ID of a user group: Slack shows it in the group's address, as S0123ABCD", id))
		}
	}
	return errors.Join(faults...)
}

func validateStorm(limit int) error {
	if limit < 0 {
		return fmt.Errorf("notifiers.slack.storm_limit: %d is no number of incidents: write 0 for no limit, or how many new ones a minute get a message each", limit)
	}
	return nil
}

// isUserID and isGroupID tell Slack's IDs from names.
func isUserID(s string) bool  { return isID(s, "UW") }
func isGroupID(s string) bool { return isID(s, "S") }

// isID reports capital letters and digits after one of the given letters.
func isID(s, first string) bool {
	if len(s) < 3 || len(s) > 31 || !strings.ContainsRune(first, rune(s[0])) {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
