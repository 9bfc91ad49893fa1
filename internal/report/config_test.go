package report

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
	c := DefaultConfig()
	if err := yaml.UnmarshalStrict([]byte(`weekly: {day: Friday, at: "16:30", timezone: Europe/Berlin}`), &c); err != nil {
		t.Fatalf("decode: %v", err)
	}
	if want := (Posting{Day: "Friday", At: "16:30", Timezone: "Europe/Berlin"}); c.Weekly != want {
		t.Errorf("decoded %+v, want %+v", c.Weekly, want)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
	if zone, err := c.Weekly.Location(); err != nil || zone.String() != "Europe/Berlin" {
		t.Errorf("Location = %v, %v", zone, err)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	for _, test := range []struct {
		name string
		w    Posting
		want []string
	}{
		{"day", Posting{"someday", "09:00", "UTC", ""}, []string{`reports.weekly.day: "someday" is not a day`}},
		{"time", Posting{"monday", "9:00", "UTC", ""}, []string{`reports.weekly.at: "9:00" is not a time of day`}},
		{"late time", Posting{"monday", "24:00", "UTC", ""}, []string{`reports.weekly.at: "24:00"`}},
		{"zone", Posting{"monday", "09:00", "Mars/Olympus", ""}, []string{`reports.weekly.timezone: "Mars/Olympus" is not a known time zone`}},
		{"zone outside", Posting{"monday", "09:00", "../../etc/passwd", ""}, []string{"reports.weekly.timezone"}},
		{"channel", Posting{"monday", "09:00", "UTC", "the leads"}, []string{"reports.weekly.channel: \"the leads\" is no channel"}},
		{"all", Posting{"", "noon", "X", "#"}, []string{"weekly.day", "weekly.at", "weekly.timezone", "weekly.channel"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Config{Weekly: test.w}.Validate()
			if err == nil {
				t.Fatal("not refused")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if n := strings.Count(err.Error(), "\n") + 1; n != len(test.want) {
				t.Errorf("%d faults, want %d: %v", n, len(test.want), err)
			}
		})
	}
}
