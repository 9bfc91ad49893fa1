package store

import (
	"net/http"
	"regexp"
)

// userinfo is what stands in an address before its host: a user and a password, or a token.
var userinfo = regexp.MustCompile(`(\w://)[^\s/@"']+@`)

// shownConfig serves GET /api/v1/status/config. Prometheus masks the values that are
// meant to be secrets; we mask those that addresses hold as well, such as the
// password of an http_sd_configs' url or of a token_url.
func (h *apiHandler) shownConfig(w http.ResponseWriter, _ *http.Request) {
	c := h.options.Config()
	text := userinfo.ReplaceAllString(c.String(), "${1}<secret>@")
	respond(w, http.StatusOK, map[string]any{"status": "success", "data": map[string]string{"yaml": text}})
}
