package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const defaultURL = "http://127.0.0.1:9911"

// client asks a running server.
type client struct {
	url  string
	http *http.Client
}

// urlFlag adds --url to a command that asks a running server.
func urlFlag(cmd *cobra.Command) func() client {
	address := cmd.Flags().String("url", defaultURL, "address of the running server")
	return func() client { return newClient(*address) }
}

func newClient(address string) client {
	return client{url: strings.TrimRight(address, "/"), http: &http.Client{Timeout: 60 * time.Second}}
}

// get fetches path; an answer other than 200 is an error with the server's sentence.
func (c client) get(ctx context.Context, path string) ([]byte, error) {
	return c.send(ctx, http.MethodGet, path, nil)
}

// send asks path with a method and a JSON body, which may be nil. An answer that is no success is an error with the
// server's sentence.
func (c client) send(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("--url %s: %w", c.url, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server at %s: %w (is `watchtower serve` running there? name another address with --url)", c.shown(""), err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", c.shown(""), err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, fmt.Errorf("%s answered %s: %s", c.shown(path), resp.Status, sentence(answer))
	}
	return answer, nil
}

// shown is an address without the password that it may hold.
func (c client) shown(path string) string {
	u, err := url.Parse(c.url + path)
	if err != nil {
		return "the address of --url"
	}
	return u.Redacted()
}

// getJSON fetches path and decodes its JSON into v.
func (c client) getJSON(ctx context.Context, path string, v any) error {
	body, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%s did not answer with the expected JSON: %w (is it a Watchtower?)", c.shown(path), err)
	}
	return nil
}

// sentence is the error of a JSON answer, or the start of any other answer.
func sentence(body []byte) string {
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Error != "" {
		return answer.Error
	}
	text := string(bytes.TrimSpace(body))
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}

// writeIndented writes JSON for machines, indented for people.
func writeIndented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
