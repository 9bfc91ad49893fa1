package report

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Config is the section `reports` of watchtower.yaml.
type Config struct {
	Weekly Weekly `yaml:"weekly"`
}

// Weekly says when the week is reported, and in whose time.
type Weekly struct {
	Day      string `yaml:"day"`      // "monday" to "sunday".
	At       string `yaml:"at"`       // "09:00".
	Timezone string `yaml:"timezone"` // An IANA name, "Europe/Berlin". A week begins on Monday at midnight there.
	Channel  string `yaml:"channel"`  // In Slack; empty: the report is not posted.
}

// DefaultConfig returns the configuration of a file that says nothing about reports.
func DefaultConfig() Config {
	return Config{Weekly: Weekly{Day: "monday", At: "09:00", Timezone: "UTC"}}
}

// Validate returns all faults of the configuration, joined.
func (c Config) Validate() error {
	w := c.Weekly
	_, zone := w.Location()
	return errors.Join(w.validDay(), w.validAt(), zone, w.validChannel())
}

// Location returns the time zone in which weeks begin and end.
func (w Weekly) Location() (*time.Location, error) {
	zone, err := time.LoadLocation(w.Timezone)
	if err != nil {
		return nil, fmt.Errorf("reports.weekly.timezone: %q is not a known time zone; write an IANA name such as Europe/Berlin, or UTC", w.Timezone)
	}
	return zone, nil
}

func (w Weekly) validDay() error {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(w.Day, d.String()) {
			return nil
		}
	}
	return fmt.Errorf("reports.weekly.day: %q is not a day; write one of monday, tuesday, wednesday, thursday, friday, saturday, sunday", w.Day)
}

func (w Weekly) validAt() error {
	at, err := time.Parse("15:04", w.At)
	if err != nil || at.Format("15:04") != w.At {
		return fmt.Errorf("reports.weekly.at: %q is not a time of day; write hours and minutes, such as 09:00", w.At)
	}
	return nil
}

func (w Weekly) validChannel() error {
	if w.Channel == "" {
		return nil
	}
	if channel.MatchString(w.Channel) {
		return nil
	}
	return fmt.Errorf("reports.weekly.channel: %q is no channel; write its name, such as \"#leads\", or its ID", w.Channel)
}

// channel is the name of a channel in Slack, or its ID.
var channel = regexp.MustCompile(`^#?[^\s#@<>|]{1,80}$`)
