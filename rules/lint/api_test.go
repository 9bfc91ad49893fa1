package lint

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve answers every question with one text.
func serve(t *testing.T, status int, text string) *API {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	return NewAPI(server.URL+"/", server.Client())
}

func TestAPIReadsPrometheusAnswers(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.FormValue("match[]")+r.FormValue("query")+r.FormValue("metric"))
		switch {
		case strings.HasSuffix(r.URL.Path, "/values"):
			_, _ = w.Write([]byte(`{"status":"success","data":["0.1","+Inf"]}`))
		case strings.HasSuffix(r.URL.Path, "/metadata"):
			_, _ = w.Write([]byte(`{"status":"success","data":{"a":[{"type":"counter","help":"","unit":""}]}}`))
		case r.FormValue("query") == "1":
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"scalar","result":[1700000000,"1"]}}`))
		default:
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"x":"y"},"value":[1700000000.5,"NaN"]}],"stats":{"samples":{"totalQueryableSamples":7}}}}`))
		}
	}))
	defer server.Close()
	api := NewAPI(server.URL, server.Client())
	values, err := api.Values(t.Context(), "le", "{a=\"b\"}")
	if err != nil || len(values) != 2 {
		t.Errorf("values %v, %v", values, err)
	}
	kind, err := api.Type(t.Context(), "a")
	if err != nil || kind != "counter" {
		t.Errorf("type %q, %v", kind, err)
	}
	if kind, err = api.Type(t.Context(), "b"); err != nil || kind != "" {
		t.Errorf("type %q of an unknown metric, %v", kind, err)
	}
	a, err := api.Query(t.Context(), "sum(a)")
	if err != nil || a.Read != 7 || len(a.Results) != 1 || a.Results[0].Labels["x"] != "y" || a.Results[0].Value == a.Results[0].Value {
		t.Errorf("answer %+v, %v", a, err)
	}
	if a, err = api.Query(t.Context(), "1"); err != nil || len(a.Results) != 1 || a.Results[0].Value != 1 {
		t.Errorf("scalar %+v, %v", a, err)
	}
	want := `/api/v1/label/le/values {a="b"}|/api/v1/metadata a|/api/v1/metadata b|/api/v1/query sum(a)|/api/v1/query 1`
	if got := strings.Join(asked, "|"); got != want {
		t.Errorf("asked %s", got)
	}
}

func TestAPITellsRefusalsFromStrangers(t *testing.T) {
	api := serve(t, http.StatusUnprocessableEntity, `{"status":"error","errorType":"execution","error":"query processing would load too many samples"}`)
	if _, err := api.Query(t.Context(), "a"); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "too many samples") {
		t.Errorf("error %v", err)
	}
	for _, text := range []string{"<html>", "", "{}", `{"status":"success","data":{"result":[[1]]}}`, `{"error":"There is nothing here.","status":404}`} {
		if _, err := serve(t, http.StatusOK, text).Query(t.Context(), "a"); err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "give the address") {
			t.Errorf("%q: error %v", text, err)
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if _, err := NewAPI(gone.URL, http.DefaultClient).Query(t.Context(), "a"); err == nil || errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "query=") {
		t.Errorf("error %v", err)
	}
}

// FuzzAnswer reads answers of servers that may be anything.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`)
	f.Add(`{"status":"error","errorType":"bad_data","error":"x"}`)
	text := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
	f.Cleanup(server.Close)
	api := NewAPI(server.URL, server.Client())
	f.Fuzz(func(t *testing.T, answer string) {
		text = answer
		_, _ = api.Query(t.Context(), "a")
		_, _ = api.Values(t.Context(), "a", "")
		_, _ = api.Type(t.Context(), "a")
	})
}
