package slack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	slackapi "github.com/slack-go/slack"
)

// maxRequest bounds the body of a request from Slack: a click comes with the whole
// message it is in.
const maxRequest = 1 << 20

// Interactions serves what Slack sends when somebody presses a button or submits a
// form, to the path that the Slack app names as its Request URL. Requests without
// Slack's signature, or older than five minutes, are refused.
func (s *Slack) Interactions() http.Handler {
	return s.signedOnly(func(ctx context.Context, body []byte) (any, error) {
		cb, err := parseInteraction(body)
		if err != nil {
			return nil, err
		}
		return s.interact(ctx, cb), nil
	})
}

// signed reads the body of a request and checks that Slack sent it. The verifier's
// errors hold the right signature, so they are neither logged nor returned.
func (s *Slack) signed(w http.ResponseWriter, r *http.Request) ([]byte, int) {
	if s.opts.SigningSecret == "" {
		return nil, http.StatusNotFound
	}
	verifier, err := slackapi.NewSecretsVerifier(r.Header, s.opts.SigningSecret)
	if err != nil {
		return nil, http.StatusUnauthorized
	}
	body, err := io.ReadAll(io.TeeReader(http.MaxBytesReader(w, r.Body, maxRequest), &verifier))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return nil, http.StatusBadRequest
	}
	if verifier.Ensure() != nil {
		return nil, http.StatusUnauthorized
	}
	return body, http.StatusOK
}

// parseInteraction reads the form that Slack posts: payload=JSON.
func parseInteraction(body []byte) (*slackapi.InteractionCallback, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("payload") == "" {
		return nil, errors.New("this is not an interaction: a form with the field payload is expected")
	}
	var cb slackapi.InteractionCallback
	if err := json.Unmarshal([]byte(form.Get("payload")), &cb); err != nil {
		return nil, errors.New("the payload is not one that Slack sends")
	}
	return &cb, nil
}
