package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// playbookView is a playbook in a list or on its page.
type playbookView struct {
	Playbook
	Path string
}

func (s *site) allPlaybooks() []Playbook {
	if s.o.Playbooks == nil {
		return nil
	}
	return s.o.Playbooks()
}

func (s *site) playbooks(w http.ResponseWriter, r *http.Request) error {
	var views []playbookView
	for _, p := range s.allPlaybooks() {
		views = append(views, playbookView{p, playbookPath(p.ID)})
	}
	slices.SortStableFunc(views, func(a, b playbookView) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	return s.render(w, r, http.StatusOK, page{Template: "playbooks", Title: "Playbooks", Nav: "/playbooks", Body: views})
}

func (s *site) playbook(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	all := s.allPlaybooks()
	i := slices.IndexFunc(all, func(p Playbook) bool { return p.ID == id })
	if i < 0 {
		return fault{http.StatusNotFound, fmt.Sprintf("There is no playbook %q.", id), nil}
	}
	title := cmp.Or(all[i].Title, id)
	return s.render(w, r, http.StatusOK, page{Template: "playbook", Title: title, Nav: "/playbooks", Body: playbookView{all[i], playbookPath(id)}})
}

// primer explains the words of all this to people who are not engineers.
func (s *site) primer(w http.ResponseWriter, r *http.Request) error {
	if s.o.Primer == "" {
		return fault{http.StatusNotFound, "There is no primer here.", nil}
	}
	return s.render(w, r, http.StatusOK, page{Template: "primer", Title: "Primer", Body: s.o.Primer})
}
