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
	Weekly    Posting  `yaml:"weekly"`
	Monthly   LongPost `yaml:"monthly"`
	Quarterly LongPost `yaml:"quarterly"`
	// Postmortems are patterns of files: Markdown whose section "Follow-ups" is a checklist. What is open there is in the reports.
	Postmortems []string `yaml:"postmortems"`
}

// LongPost says where the month or the quarter is reported: on its first day after, at the time and in the time zone of the
// week's.
type LongPost struct {
	Channel string `yaml:"channel"` // In Slack; empty: the report is not posted.
}

// Posting says when the week is reported, and in whose time.
type Posting struct {
	Day      string `yaml:"day"`      // "monday" to "sunday".
	At       string `yaml:"at"`       // "09:00".
	Timezone string `yaml:"timezone"` // An IANA name, "Europe/Berlin". A week begins on Monday at midnight there.
	Channel  string `yaml:"channel"`  // In Slack; empty: the report is not posted.
}

// DefaultConfig returns the configuration of a file that says nothing about reports.
func DefaultConfig() Config {
	return Config{Weekly: Posting{Day: "monday", At: "09:00", Timezone: "UTC"}}
}

// Validate returns all faults of the configuration, joined.
func (c Config) Validate() error {
	w := c.Weekly
	_, zone := w.Location()
	return errors.Join(w.validDay(), w.validAt(), zone, validChannel("weekly", w.Channel), validChannel("monthly", c.Monthly.Channel),
		validChannel("quarterly", c.Quarterly.Channel))
}

// Location returns the time zone in which weeks begin and end.
func (w Posting) Location() (*time.Location, error) {
	zone, err := time.LoadLocation(w.Timezone)
	if err != nil {
		return nil, fmt.Errorf("reports.weekly.timezone: %q is not a known time zone; write an IANA name such as Europe/Berlin, or UTC", w.Timezone)
	}
	return zone, nil
}

func (w Posting) validDay() error {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(w.Day, d.String()) {
			return nil
		}
	}
	return fmt.Errorf("reports.weekly.day: %q is not a day; write one of monday, tuesday, wednesday, thursday, friday, saturday, sunday", w.Day)
}

func (w Posting) validAt() error {
	at, err := time.Parse("15:04", w.At)
	if err != nil || at.Format("15:04") != w.At {
		return fmt.Errorf("reports.weekly.at: %q is not a time of day; write hours and minutes, such as 09:00", w.At)
	}
	return nil
}

func validChannel(of, name string) error {
	if name == "" || channel.MatchString(name) {
		return nil
	}
	return fmt.Errorf("reports.%s.channel: %q is no channel; write its name, such as \"#leads\", or its ID", of, name)
}

// channel is the name of a channel in Slack, or its ID.
var channel = regexp.MustCompile(`^#?[^\s#@<>|]{1,80}$`)
