package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/store"
)

func newOnCall() *cobra.Command {
	return group("oncall", "Say who is on call, who is next, and what the coming weeks look like",
		newOnCallNow(), newOnCallNext(), newOnCallShow())
}

// onCallFlags are what all of these commands take.
type onCallFlags struct {
	file, team, at *string
	asJSON         *bool
}

func addOnCallFlags(cmd *cobra.Command) onCallFlags {
	f := onCallFlags{
		file:   configFlag(cmd),
		team:   cmd.Flags().String("team", "", "this team alone (default: all)"),
		at:     cmd.Flags().String("at", "now", `the time to ask about: now, +12h, 2026-11-02T09:00:00Z, or "2026-11-02 09:00" on the clocks of --team (else in UTC)`),
		asJSON: cmd.Flags().Bool("json", false, "print JSON"),
	}
	_ = cmd.RegisterFlagCompletionFunc("team", func(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		cfg, err := config.Load(configPath(*f.file))
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		roster, err := oncall.Load(cfg.Notifiers.OnCall, cfg.OnCallCache(), time.Now())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var ids []string
		for _, team := range roster.Teams() {
			ids = append(ids, team.ID)
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	})
	return f
}

// onCallAnswer is a roster with what was asked about it.
type onCallAnswer struct {
	roster *oncall.Roster
	teams  []oncall.Team
	at     time.Time
}

// ask reads the files, fetches calendars that are due, and adds the overrides that a
// server keeps beside its data. What is missing is told on stderr: an answer without it
// may still be the right one.
func (f onCallFlags) ask(cmd *cobra.Command) (onCallAnswer, error) {
	a, ctx := onCallAnswer{}, cmd.Context()
	cfg, err := config.Load(configPath(*f.file))
	if err != nil {
		return a, err
	}
	if cfg.Notifiers.OnCall == "" {
		return a, errors.New("no file says who is on call: name one with `notifiers: {oncall: oncall.yaml}` in watchtower.yaml (docs/oncall.md shows its format)")
	}
	tell := func(err error) {
		if err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: %v\n", err)
		}
	}
	o := oncall.Options{Path: cfg.Notifiers.OnCall}
	if _, err := os.Stat(cfg.DataDir); err == nil {
		o.Cache = cfg.OnCallCache()
		state, closeState, err := openOverrides(filepath.Join(cfg.DataDir, "state.db"))
		tell(err)
		defer closeState()
		o.DB = state
	}
	keeper, err := oncall.Open(ctx, o)
	if err != nil {
		return a, err
	}
	tell(keeper.Refresh(ctx))
	return f.answer(ctx, keeper)
}

// answer is what the flags ask of a keeper.
func (f onCallFlags) answer(ctx context.Context, keeper *oncall.Keeper) (onCallAnswer, error) {
	a := onCallAnswer{teams: keeper.Roster().Teams()}
	zone := time.UTC
	if *f.team != "" {
		team, ok := keeper.Roster().Team(*f.team)
		if !ok {
			var ids []string
			for _, t := range a.teams {
				ids = append(ids, t.ID)
			}
			return a, fmt.Errorf("--team %q: there is no such team; there is %s", *f.team, strings.Join(ids, ", "))
		}
		a.teams, zone = []oncall.Team{team}, keeper.Roster().Zone(team.ID)
	}
	var err error
	if strings.HasPrefix(*f.at, "+") {
		a.at, err = parseMoment(*f.at, time.Now())
	} else {
		a.at, err = readMoment("at", *f.at, time.Now(), zone)
	}
	if err != nil {
		return a, err
	}
	a.roster, err = keeper.Around(ctx, a.at)
	return a, err
}

// openOverrides opens the database of a server, if there is one.
func openOverrides(path string) (db *sql.DB, closeDB func(), err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, func() {}, nil
	}
	db, err = store.OpenState(path)
	if err != nil {
		return nil, func() {}, fmt.Errorf("overrides made while the server runs are left out: %w", err)
	}
	return db, func() { _ = db.Close() }, nil
}

// shiftJSON is a shift for machines; without a user it is a gap.
type shiftJSON struct {
	Team string     `json:"team"`
	User *userJSON  `json:"user"`
	From *time.Time `json:"from"`
	To   *time.Time `json:"to"`
	Why  string     `json:"why,omitempty"`
}

type userJSON struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Slack string `json:"slack,omitempty"`
	Email string `json:"email,omitempty"`
}

// forMachines writes a shift; ends that are not known are null.
func forMachines(team string, s oncall.Shift) shiftJSON {
	out := shiftJSON{Team: team, Why: s.Why}
	if s.User.ID != "" {
		out.User = &userJSON{s.User.ID, s.User.Name, s.User.Slack, s.User.Email}
	}
	if !s.From.IsZero() {
		out.From = &s.From
	}
	if !s.To.IsZero() {
		out.To = &s.To
	}
	return out
}

const nobody = "nobody"

// called is a user by name, and by ID where that is another word.
func called(u oncall.User) string {
	switch {
	case u.ID == "":
		return nobody
	case strings.EqualFold(u.Name, u.ID):
		return u.Name
	}
	return u.Name + " (" + u.ID + ")"
}

const turnLayout = "Mon 2006-01-02 15:04 MST"

// turn is an end of a shift; otherwise where there is none.
func turn(t time.Time, otherwise string) string {
	if t.IsZero() {
		return otherwise
	}
	return t.Format(turnLayout)
}

func newOnCallNow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "now",
		Short: "Say who is on call now, or at another time",
		Long: `Says who is on call, until when and why. It reads the file that notifiers.oncall
names, and the overrides that a server keeps beside its data; no server need run.`,
		Example: `  watchtower oncall now
  watchtower oncall now --team backend --at "2026-12-24 20:00"
  watchtower oncall now --json`,
		Args: noArgs,
	}
	f := addOnCallFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := f.ask(cmd)
		if err != nil {
			return err
		}
		shifts := []shiftJSON{}
		return table(cmd.OutOrStdout(), *f.asJSON, func(w io.Writer) any {
			fmt.Fprintln(w, "TEAM\tON CALL\tUNTIL\tWHY")
			for _, team := range a.teams {
				s, _ := a.roster.At(team.ID, a.at)
				shifts = append(shifts, forMachines(team.ID, s))
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", team.ID, called(s.User), turn(s.To, "no end in sight"), s.Why)
			}
			return shifts
		})
	}
	return cmd
}

func newOnCallNext() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "next",
		Short: "Say who is on call next, and from when",
		Long: `Says who follows: another user, or the same one after a time without anybody. A team
of which nobody follows within a year is told as nobody.`,
		Example: `  watchtower oncall next --team backend`,
		Args:    noArgs,
	}
	f := addOnCallFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := f.ask(cmd)
		if err != nil {
			return err
		}
		shifts := []shiftJSON{}
		return table(cmd.OutOrStdout(), *f.asJSON, func(w io.Writer) any {
			fmt.Fprintln(w, "TEAM\tNEXT\tFROM\tUNTIL\tWHY")
			for _, team := range a.teams {
				s, ok := a.roster.Next(team.ID, a.at)
				shifts = append(shifts, forMachines(team.ID, s))
				if !ok {
					fmt.Fprintf(w, "%s\t%s\t\t\t\n", team.ID, nobody)
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", team.ID, called(s.User), s.From.Format(turnLayout), turn(s.To, "no end in sight"), s.Why)
			}
			return shifts
		})
	}
	return cmd
}

// maxShown is how many weeks are shown at most.
const maxShown = 53

func newOnCallShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the shifts of the coming weeks, and the gaps between them",
		Example: `  watchtower oncall show --weeks 4
  watchtower oncall show --team backend --at 2026-12-21 --weeks 2`,
		Args: noArgs,
	}
	f := addOnCallFlags(cmd)
	weeks := cmd.Flags().Int("weeks", 4, "how many weeks to show, 53 at most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *weeks < 1 || *weeks > maxShown {
			return fmt.Errorf("--weeks %d: show 1 to %d weeks", *weeks, maxShown)
		}
		a, err := f.ask(cmd)
		if err != nil {
			return err
		}
		shifts := []shiftJSON{}
		return table(cmd.OutOrStdout(), *f.asJSON, func(w io.Writer) any {
			for i, team := range a.teams {
				if i > 0 {
					fmt.Fprintln(w)
				}
				fmt.Fprintf(w, "%s: schedule %s, %s\n", team.ID, team.Schedule, a.roster.Zone(team.ID))
				for _, s := range a.weeks(team.ID, *weeks) {
					shifts = append(shifts, forMachines(team.ID, s))
					why := s.Why
					if s.User.ID == "" {
						why = "← a gap"
					}
					fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", s.From.Format(turnLayout), s.To.Format(turnLayout), called(s.User), why)
				}
			}
			return shifts
		})
	}
	return cmd
}

// weeks are the shifts of a team from the time asked about on, and the gaps as shifts
// of nobody, in order.
func (a onCallAnswer) weeks(team string, n int) []oncall.Shift {
	zone := a.roster.Zone(team)
	to := a.at.In(zone).AddDate(0, 0, 7*n)
	gaps := a.roster.Gaps(team, a.at, to)
	var out []oncall.Shift
	for _, s := range append(a.roster.Shifts(team, a.at, to), oncall.Shift{From: to}) {
		for len(gaps) > 0 && !gaps[0].From.After(s.From) {
			out = append(out, oncall.Shift{From: gaps[0].From, To: gaps[0].To})
			gaps = gaps[1:]
		}
		if s.User.ID != "" {
			out = append(out, s)
		}
	}
	return out
}

// table writes rows in columns, or what they say as JSON.
func table(out io.Writer, asJSON bool, rows func(io.Writer) any) error { //nolint:revive // It is the flag's own value.
	if asJSON {
		return writeIndented(out, rows(io.Discard))
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	rows(w)
	return w.Flush()
}
