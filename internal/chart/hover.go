package chart

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// hovered is what a page's script knows of a graph.
type hovered struct {
	X      []int       `json:"x"` // where each time is, 0 to 1000
	T      []string    `json:"t"` // how it is written
	Series []hoverLine `json:"s"`
}

type hoverLine struct {
	Name   string   `json:"n"`
	Class  string   `json:"k"`
	Values []string `json:"v"` // at each time; "": none
}

// Hover returns JSON for the script of a page that tells values under the pointer: what
// each line holds at every time that any of them has. write writes a value of the nth
// line; nil writes it as the scale does.
func (g Graph) Hover(write func(line int, v float64) string) string {
	if write == nil {
		write = func(_ int, v float64) string { return g.Measure.Format(v) }
	}
	loc := cmp.Or(g.Location, time.UTC)
	at := map[int64]int{}
	var moments []int64
	for i := range g.Lines {
		for _, p := range g.Lines[i].Points {
			ms := p.At.UnixMilli()
			if _, seen := at[ms]; !seen && g.shows(p) {
				at[ms] = 0
				moments = append(moments, ms)
			}
		}
	}
	slices.Sort(moments)
	length := g.To.Sub(g.From)
	layout := TimeLayout(length)
	h := hovered{X: make([]int, len(moments)), T: make([]string, len(moments)), Series: []hoverLine{}}
	for i, ms := range moments {
		at[ms] = i
		t := time.UnixMilli(ms).In(loc)
		h.X[i], h.T[i] = int(1000*t.Sub(g.From)/length), t.Format(layout)
	}
	for i := range g.Lines {
		l := &g.Lines[i]
		s := hoverLine{Name: l.Name, Class: l.Ink.Class(), Values: make([]string, len(moments))}
		for _, p := range l.Points {
			if n, ok := at[p.At.UnixMilli()]; ok && g.shows(p) {
				s.Values[n] = write(i, p.Value)
			}
		}
		h.Series = append(h.Series, s)
	}
	return h.json()
}

// shows tells whether a point lies in the time shown.
func (g *Graph) shows(p Point) bool { return !p.At.Before(g.From) && !p.At.After(g.To) }

// TimeLayout is how the times of a stretch are written so that neighbors differ.
func TimeLayout(length time.Duration) string {
	switch {
	case length <= time.Hour:
		return "15:04:05"
	case length <= 24*time.Hour:
		return "Mon 15:04"
	default:
		return "Mon 2 Jan 15:04"
	}
}

// Hover is the same for a heatmap: what is in each bucket at each time, the highest bucket
// first. Empty buckets are left out, and of more than so many the lowest.
func (h Heat) Hover(most int) string {
	loc := cmp.Or(h.Location, time.UTC)
	length := h.To.Sub(h.From)
	layout := TimeLayout(length)
	out := hovered{}
	at := map[int64]int{}
	for t := h.From; !t.After(h.To); t = t.Add(h.Step) {
		at[t.UnixMilli()] = len(out.X)
		out.X = append(out.X, int(1000*t.Sub(h.From)/length))
		out.T = append(out.T, t.In(loc).Format(layout))
	}
	for _, row := range slices.Backward(h.Rows) {
		s := hoverLine{Name: row.Name, Class: InkPlain.Class(), Values: make([]string, len(out.X))}
		some := false
		for _, p := range row.Counts {
			if n, ok := at[p.At.UnixMilli()]; ok && p.Value > 0 {
				s.Values[n], some = h.Measure.Format(p.Value), true
			}
		}
		if some && len(out.Series) < most {
			out.Series = append(out.Series, s)
		}
	}
	return out.json()
}

func (h *hovered) json() string {
	raw, err := json.Marshal(h)
	if err != nil {
		return ""
	}
	return string(raw)
}
