package lint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	// mostValues bounds how many values of a label are looked at.
	mostValues = 10_000
	// mostBytes bounds an answer.
	mostBytes = 64 << 20
)

// API asks a server by Prometheus' HTTP API: Watchtower, Prometheus, and what speaks
// as they do. Safe for concurrent use.
type API struct {
	base   string
	client *http.Client
}

var _ Server = (*API)(nil)

// NewAPI returns the API of the server at base, without /api/v1.
func NewAPI(base string, client *http.Client) *API {
	return &API{base: strings.TrimRight(base, "/"), client: client}
}

// Values implements Server.
func (a *API) Values(ctx context.Context, label, selector string) ([]string, error) {
	form := url.Values{"limit": {strconv.Itoa(mostValues)}}
	if selector != "" {
		form.Set("match[]", selector)
	}
	var values []string
	err := a.get(ctx, "label/"+url.PathEscape(label)+"/values", form, &values)
	return values, err
}

// Query implements Server.
func (a *API) Query(ctx context.Context, expr string) (Answer, error) {
	var data struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
		Stats      struct {
			Samples struct {
				Total int `json:"totalQueryableSamples"`
			} `json:"samples"`
		} `json:"stats"`
	}
	if err := a.get(ctx, "query", url.Values{"query": {expr}, "stats": {"all"}}, &data); err != nil {
		return Answer{}, err
	}
	answer := Answer{Read: data.Stats.Samples.Total}
	if data.ResultType == "scalar" {
		var s sample
		if err := json.Unmarshal(data.Result, &s); err != nil {
			return Answer{}, a.strange(err)
		}
		answer.Results = []Result{{Value: float64(s)}}
		return answer, nil
	}
	var vector []struct {
		Metric map[string]string `json:"metric"`
		Value  sample            `json:"value"`
	}
	if err := json.Unmarshal(data.Result, &vector); err != nil {
		return Answer{}, a.strange(err)
	}
	for _, r := range vector {
		answer.Results = append(answer.Results, Result{Labels: r.Metric, Value: float64(r.Value)})
	}
	return answer, nil
}

// Type implements Server.
func (a *API) Type(ctx context.Context, metric string) (string, error) {
	var data map[string][]struct {
		Type string `json:"type"`
	}
	err := a.get(ctx, "metadata", url.Values{"metric": {metric}, "limit": {"1"}}, &data)
	if err != nil || len(data[metric]) == 0 {
		return "", err
	}
	return data[metric][0].Type, nil
}

// sample is the value of a pair of time and value.
type sample float64

// UnmarshalJSON reads [1700000000.1, "0.5"].
func (s *sample) UnmarshalJSON(text []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	var value string
	if err := json.Unmarshal(pair[1], &value); err != nil {
		return err
	}
	v, err := strconv.ParseFloat(value, 64)
	*s = sample(v)
	return err
}

// get asks one question. The server's own sentence comes back wrapped in ErrRefused.
func (a *API) get(ctx context.Context, path string, form url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/api/v1/"+path+"?"+form.Encode(), http.NoBody)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		if at, ok := errors.AsType[*url.Error](err); ok {
			err = at.Err // The rest is the whole question.
		}
		return fmt.Errorf("ask the server: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostBytes))
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	var answer struct {
		Status string          `json:"status"`
		Data   json.RawMessage `json:"data"`
		Kind   string          `json:"errorType"`
		Error  string          `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return a.strange(fmt.Errorf("it answers %s", resp.Status))
	}
	if answer.Status != "success" {
		if answer.Kind == "" {
			return a.strange(fmt.Errorf("it answers %s: %s", resp.Status, answer.Error))
		}
		return fmt.Errorf("%w: %s", ErrRefused, answer.Error)
	}
	if err := json.Unmarshal(answer.Data, into); err != nil {
		return a.strange(err)
	}
	return nil
}

// strange says that a server does not speak the API.
func (a *API) strange(err error) error {
	return fmt.Errorf("the server does not speak Prometheus' HTTP API (%w): give the address that serves /api/v1", err)
}
