package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCheckOfSchedules(t *testing.T) {
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	files := map[string]string{
		"watchtower.yaml": "rules: {objectives: [a.yaml]}\nnotifiers: {oncall: oncall.yaml}\n",
		"a.yaml":          fmt.Sprintf(spec, "share"),
		"oncall.yaml": `users: {ann: {}, bob: {}}
teams: {social: {schedule: s}, same: {schedule: s}}
schedules:
  s:
    timezone: UTC
    layers: [{name: l, users: [ann]}]
`,
	}
	wantChecked(t, files)

	sound := files["oncall.yaml"]
	files["oncall.yaml"] = strings.Replace(sound, "users: [ann]}", "users: [ann], from: "+tomorrow+"}", 1)
	wantChecked(t, files, "warning 4 oncall schedule s: nobody is on call from ")
	files["oncall.yaml"] = strings.Replace(sound, "users: [ann]}", "users: [ann], restrict: [{days: [mon..fri]}]}", 1)
	wantChecked(t, files, "warning 4 oncall schedule s: nobody is on call ")
	files["oncall.yaml"] = sound + "    ics: [{file: team.ics}, {url: 'https://example.com/private-1'}]\n"
	files["team.ics"] = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:ann\nDTSTART:20200101T000000Z\nDTEND:20900101T000000Z\nEND:VEVENT\n" +
		"BEGIN:VEVENT\nSUMMARY:bob\nDTSTART:" + strings.ReplaceAll(tomorrow, "-", "") + "\nEND:VEVENT\nEND:VCALENDAR\n"
	wantChecked(t, files, "warning 4 oncall schedule s: from ", "warning 4 oncall schedule s: the calendar example.com was never fetched, so it is not known")
	files["oncall.yaml"] = strings.Replace(sound, "social:", "socail:", 1)
	wantChecked(t, files, "warning 5 oncall it pages the team social, which is not in ")
	files["oncall.yaml"] = strings.Replace(sound, "[ann]", "[eve]", 1)
	wantChecked(t, files, `fault 6 config schedule s: layer l: users: there is no user "eve"`)
}
