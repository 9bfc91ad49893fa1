package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/rules"
)

// Corrector takes stretches of time out of objectives; *rules.Engine is one. Its errors wrap rules.ErrCorrection or
// rules.ErrUnknown where the caller is at fault.
type Corrector interface {
	Correct(ctx context.Context, c rules.Correction) (rules.Correction, error)
	Revoke(ctx context.Context, id int64, by string) (rules.Correction, error)
}

// Correction is a stretch of time that counts neither as good nor as bad, as the API serves it.
type Correction struct {
	ID        int64      `json:"id"`
	Objective string     `json:"objective"`
	From      time.Time  `json:"from"`
	To        time.Time  `json:"to"`
	Author    string     `json:"author"`
	Reason    string     `json:"reason"`
	State     string     `json:"state"` // "planned", "under_way", "in_force", "revoked".
	CreatedAt time.Time  `json:"created_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	RevokedBy string     `json:"revoked_by,omitempty"`
}

// maxBody is the longest request that asks for a correction.
const maxBody = 16 << 10

func (s *site) correctionOf(c rules.Correction) Correction {
	return Correction{
		ID: c.ID, Objective: c.Objective, From: c.From.UTC(), To: c.To.UTC(), Author: c.Author, Reason: c.Reason,
		State: correctionState(c, s.o.Now()), CreatedAt: c.CreatedAt.UTC(), RevokedAt: instant(c.RevokedAt), RevokedBy: c.RevokedBy,
	}
}

func correctionState(c rules.Correction, now time.Time) string {
	switch {
	case !c.RevokedAt.IsZero():
		return "revoked"
	case c.From.After(now):
		return "planned"
	case c.To.After(now):
		return "under_way"
	default:
		return "in_force"
	}
}

func (s *site) writeCorrections(w http.ResponseWriter, r *http.Request, all []rules.Correction) error {
	answer := struct {
		Corrections []Correction `json:"corrections"`
	}{[]Correction{}}
	for _, c := range all {
		answer.Corrections = append(answer.Corrections, s.correctionOf(c))
	}
	return writeJSON(w, r, http.StatusOK, answer)
}

func (s *site) apiCorrections(w http.ResponseWriter, r *http.Request) error {
	return s.writeCorrections(w, r, s.o.Engine.Corrections(""))
}

func (s *site) apiCorrectionsOf(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if _, ok := s.o.Engine.Status(id); !ok {
		return fault{http.StatusNotFound, fmt.Sprintf("There is no objective %q.", id), nil}
	}
	return s.writeCorrections(w, r, s.o.Engine.Corrections(id))
}

// apiCorrect keeps a correction. Requests of other web sites are refused before they get here; that the body must be
// declared as JSON also keeps out forms of browsers too old to say where they come from.
func (s *site) apiCorrect(w http.ResponseWriter, r *http.Request) error {
	if s.o.Corrector == nil {
		return fault{http.StatusNotImplemented, "This server takes no corrections.", nil}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fault{http.StatusUnsupportedMediaType, "Send JSON, with Content-Type: application/json.", nil}
	}
	var ask struct {
		From   time.Time `json:"from"`
		To     time.Time `json:"to"`
		Author string    `json:"author"`
		Reason string    `json:"reason"`
	}
	if err := readJSON(w, r, &ask); err != nil {
		return err
	}
	if ask.From.IsZero() || ask.To.IsZero() {
		return fault{http.StatusBadRequest, "Give from and to, as in 2026-11-19T14:00:00Z.", nil}
	}
	c, err := s.o.Corrector.Correct(r.Context(), rules.Correction{
		Objective: r.PathValue("id"), From: ask.From, To: ask.To, Author: author(r, ask.Author), Reason: ask.Reason,
	})
	if err != nil {
		return correctionFault(err)
	}
	return writeJSON(w, r, http.StatusCreated, s.correctionOf(c))
}

func (s *site) apiRevoke(w http.ResponseWriter, r *http.Request) error {
	if s.o.Corrector == nil {
		return fault{http.StatusNotImplemented, "This server takes no corrections.", nil}
	}
	id, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil {
		return fault{http.StatusNotFound, fmt.Sprintf("There is no correction %q: they are numbered.", r.PathValue("n")), nil}
	}
	c, err := s.o.Corrector.Revoke(r.Context(), id, author(r, r.URL.Query().Get("author")))
	if err != nil {
		return correctionFault(err)
	}
	return writeJSON(w, r, http.StatusOK, s.correctionOf(c))
}

// author is who decides: the one given, else the one who logged in.
func author(r *http.Request, given string) string {
	user, _, _ := r.BasicAuth()
	return cmp.Or(strings.TrimSpace(given), user)
}

// readJSON decodes a body that is one JSON value with known fields only.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil && !errors.Is(d.Decode(&struct{}{}), io.EOF) {
		err = errors.New("there is more than one value")
	}
	if err != nil {
		return fault{http.StatusBadRequest, "The body cannot be read: " + strings.TrimPrefix(err.Error(), "json: ") + ".", err}
	}
	return nil
}

// correctionFault tells the caller's faults from ours.
func correctionFault(err error) error {
	say := func(status int, kind error) error {
		return fault{status, upperFirst(strings.TrimPrefix(err.Error(), kind.Error()+": ")), err}
	}
	switch {
	case errors.Is(err, rules.ErrUnknown):
		return say(http.StatusNotFound, rules.ErrUnknown)
	case errors.Is(err, rules.ErrCorrection):
		return say(http.StatusBadRequest, rules.ErrCorrection)
	default:
		return err
	}
}

// correctionRow is a correction on the page of its objective.
type correctionRow struct {
	Number         int64
	When, Length   string // "Tue 24 Nov 2026, 18:30 to 20:30 UTC", "2 h".
	Author, Reason string
	State          string // "planned", "under way", "in force", "revoked by ana".
	Revoked        bool
}

// shownCorrections bounds those on a page; the API has all.
const shownCorrections = 20

// correctionRows returns the latest corrections, newest first, and how many there are besides.
func (s *site) correctionRows(all []rules.Correction) (rows []correctionRow, older int) {
	for _, c := range slices.Backward(all) {
		if len(rows) == shownCorrections {
			break
		}
		row := correctionRow{
			Number: c.ID, When: s.fromTo(c.From, c.To), Length: span(c.To.Sub(c.From)), Author: c.Author, Reason: c.Reason,
			State: strings.ReplaceAll(correctionState(c, s.o.Now()), "_", " "), Revoked: !c.RevokedAt.IsZero(),
		}
		if row.Revoked {
			row.State += " by " + c.RevokedBy
		}
		rows = append(rows, row)
	}
	return rows, len(all) - len(rows)
}

// fromTo returns a stretch of time in the site's time zone.
func (s *site) fromTo(from, to time.Time) string {
	from, to = from.In(s.o.Zone), to.In(s.o.Zone)
	const day = "Mon 2 Jan 2006"
	if from.Format(day) == to.Format(day) && from.Format("MST") == to.Format("MST") {
		return from.Format(day+", 15:04") + " to " + to.Format("15:04 MST")
	}
	return from.Format(day+", 15:04 MST") + " to " + to.Format(day+", 15:04 MST")
}

// generationRow is a version of an objective.
type generationRow struct {
	From  moment // None for the first.
	Words string
}

// generationRows returns the versions of an edited objective, newest first; none for one that was never edited.
func (s *site) generationRows(all []rules.Generation) []generationRow {
	if len(all) < 2 {
		return nil
	}
	var rows []generationRow
	for i, g := range slices.Backward(all) {
		row := generationRow{Words: report.Target(g.Target) + " is promised"}
		if i > 0 {
			row.From = s.at(g.From)
		}
		if g.Recounted {
			row.Words += ", and other events are counted than before"
		}
		rows = append(rows, row)
	}
	return rows
}

// periodRow is the budget over a further span.
type periodRow struct {
	Name   string // "7d", "month".
	Since  moment // Of a calendar's period.
	Kept   string // "99.93%".
	Failed string
	Budget gauge
}

func (s *site) periodOf(p rules.PeriodStatus, o rules.Objective) periodRow {
	row := periodRow{
		Name: spanName(p.Span), Since: s.at(p.Start), Kept: "–", Failed: report.Failed(o, max(0, p.Total-p.Good), p.Total),
		Budget: gauge{Words: "no data", Is: unknown},
	}
	if p.Total > 0 {
		row.Kept, row.Budget = report.Achieved(p.Good/p.Total, o.Target), gaugeFor(p.BudgetRemaining)
	}
	return row
}
