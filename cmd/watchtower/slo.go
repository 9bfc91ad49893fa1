package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/web"
)

func newSLO() *cobra.Command {
	return group("slo", "Objectives: how they are doing, and what can be made of them",
		newSLOStatus(),
		newSLOExplain(),
		newSLOConvert(),
		newSLOExport(),
		newSLOCorrect(),
		newSLOReplay(),
	)
}

func newSLOStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [ID]",
		Short: "Say how every objective is doing: state, error ratio, burn, budget left",
		Example: `  watchtower slo status
  watchtower slo status share-share-availability --json`,
		Args: cobra.MaximumNArgs(1),
	}
	client := urlFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print the server's JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := "/api/watchtower/v1/objectives"
		if len(args) == 1 {
			path += "/" + args[0]
		}
		var answer json.RawMessage
		if err := client().getJSON(cmd.Context(), path, &answer); err != nil {
			return err
		}
		if *asJSON {
			return writeIndented(cmd.OutOrStdout(), answer)
		}
		decode := decodeObjectives
		if len(args) == 1 {
			decode = decodeObjective
		}
		objectives, err := decode(answer)
		if err != nil {
			return err
		}
		return writeObjectives(cmd.OutOrStdout(), family(objectives))
	}
	return cmd
}

// decodeObjectives reads the list of all objectives.
func decodeObjectives(answer []byte) ([]web.Objective, error) {
	var list struct {
		Objectives []web.Objective `json:"objectives"`
	}
	err := json.Unmarshal(answer, &list)
	return list.Objectives, err
}

// decodeObjective reads one objective.
func decodeObjective(answer []byte) ([]web.Objective, error) {
	list := make([]web.Objective, 1)
	err := json.Unmarshal(answer, &list[0])
	return list, err
}

// groupsShown is how many groups of an objective are printed.
const groupsShown = 10

// family puts the groups of each objective below it, the most urgent first and no more
// than groupsShown; a last one that is only a name says how many are left out.
func family(all []web.Objective) []web.Objective {
	var out []web.Objective
	groups := map[string][]web.Objective{}
	whole := map[string]bool{}
	for _, o := range all {
		whole[o.ID] = o.Parent == ""
		groups[o.Parent] = append(groups[o.Parent], o)
	}
	urgency := func(o web.Objective) int {
		// A group without data is idle: the whole says whether telemetry arrives.
		return (slices.Index([]string{"broken", "spent", "leaking", "risk", "watch", "fine", "unknown"}, o.Condition) + 7) % 7
	}
	for _, o := range all {
		if o.Parent != "" && whole[o.Parent] {
			continue
		}
		out = append(out, o)
		members := groups[o.ID]
		slices.SortStableFunc(members, func(a, b web.Objective) int { return urgency(a) - urgency(b) })
		for i, m := range members {
			if i == groupsShown {
				out = append(out, web.Objective{ID: fmt.Sprintf("  and %d more", len(members)-i)})
				break
			}
			m.ID = "  " + m.ID
			out = append(out, m)
		}
	}
	return out
}

// writeObjectives prints a table, one objective a line.
func writeObjectives(out io.Writer, objectives []web.Objective) error {
	if len(objectives) == 0 {
		_, err := fmt.Fprintln(out, "The server has no objectives.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "OBJECTIVE\tSTATE\tTARGET\tERRORS NOW\tBURN\tBUDGET LEFT\tALERTS")
	for _, o := range objectives {
		if o.State == "" {
			fmt.Fprintln(w, o.ID)
			continue
		}
		state := o.ConditionWord()
		if o.Restoring != nil {
			state = "restoring, " + o.Restoring.Text
		}
		fmt.Fprintf(w, "%s\t%s\t%s over %s\t%s\t%s\t%s\t%s\n", o.ID, state,
			percent(&o.Target), over(o.Period), percent(o.ErrorRatio), times(o.BurnRate), percent(o.BudgetRemaining), firing(o.Alerts))
	}
	return w.Flush()
}

// over names a period in a sentence: "28d", "the month".
func over(period string) string {
	if strings.Contains(period, " ") || strings.TrimLeft(period, "0123456789") == period {
		return "the " + period
	}
	return period
}

// percent writes a ratio; a figure that is not known is a dash.
func percent(ratio *float64) string {
	if ratio == nil {
		return "-"
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", *ratio*100), "0"), ".") + "%"
}

func times(burn *float64) string {
	if burn == nil {
		return "-"
	}
	return fmt.Sprintf("%.1fx", *burn)
}

// firing names the alerts that fire.
func firing(alerts []web.Alert) string {
	var names []string
	for _, a := range alerts {
		if a.State == "firing" {
			names = append(names, a.Name+" ("+a.Severity+")")
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ", ")
}
