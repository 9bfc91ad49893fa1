package app

import (
	"fmt"
	"strconv"
	"time"

	"github.com/watchtower-hub/watchtower/internal/web"
)

// clusterSection says which instances page together; false if this one is alone.
func (a *App) clusterSection() (section web.Section, configured bool) {
	s := a.pipeline.Status().Cluster
	if s == nil {
		return web.Section{}, false
	}
	state := web.Fact{Name: "State", Value: "ready"}
	if !s.Ready {
		state.Value, state.Note = "settling", "notifications wait until the others have told what they know"
	}
	place := web.Fact{Name: "Position", Value: strconv.Itoa(s.Position + 1), Note: "notifies at once"}
	if s.Position > 0 {
		place.Note = fmt.Sprintf("notifies %s later than the first, unless one before it has", s.Wait.Round(time.Millisecond))
	}
	lost := web.Fact{Name: "Lost", Value: strconv.Itoa(s.Lost), Note: "instances that do not answer"}
	if s.Lost > 0 {
		lost.Level = web.Bad
	}
	health := web.Fact{Name: "Health", Value: strconv.Itoa(s.Health), Note: "0 is best; it rises as others answer late"}
	if s.Health > 0 {
		health.Level = web.Warn
	}
	table := &web.Table{Title: "Instances", Columns: []string{"Name", "Address"}}
	for _, p := range s.Peers {
		name := p.Name()
		if name == s.Name {
			name += " (this one)"
		}
		table.Rows = append(table.Rows, web.TableRow{Cells: []string{name, p.Address()}})
	}
	return web.Section{Title: "Pages together with", Facts: []web.Fact{state, place, lost, health}, Table: table}, true
}
