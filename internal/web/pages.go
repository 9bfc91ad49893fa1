package web

import (
	"net/http"
)

// primer explains the words of all this to people who are not engineers.
func (s *site) primer(w http.ResponseWriter, r *http.Request) error {
	if s.o.Primer == "" {
		return fault{http.StatusNotFound, "There is no primer here.", nil}
	}
	return s.render(w, r, http.StatusOK, page{Template: "primer", Title: "Primer", Body: s.o.Primer})
}
