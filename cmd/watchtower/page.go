package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/watchtower-hub/watchtower/internal/app"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

func newPage() *cobra.Command {
	return group("page", "See the Slack page of an alert before anything is wrong", newPagePreview())
}

// previewing is what the flags of `page preview` say.
type previewing struct {
	file        *string
	alert       []string
	annotations []string
	channel     string
	post        bool
	asJSON      bool
}

func newPagePreview() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "preview --alert FILE|LABEL=VALUE...",
		Short: "Print or post the page that an alert would produce, without an incident",
		Long: `Routes an alert as alertmanager.yml says, finds its playbook, and prints the page
that Slack would show; --post sends it there, marked as a preview. No incident is
opened, and the buttons of a posted preview change nothing: pressing one shows
whether presses reach Watchtower.

The alert is given by its labels, or by a file (- is standard input) in JSON or YAML
with the labels, annotations, startsAt, endsAt and generatorURL of one alert, or a
list of them, as Alertmanager's API has them.

Without --url no server is asked, and what only a running one knows is left out:
where it burns, the picture, who is on call, and the answers to a playbook's queries.`,
		Example: `  watchtower page preview --alert alertname=ShareErrorBudgetBurn service=share slo=share-availability severity=page
  watchtower page preview --alert alert.json --json
  watchtower page preview --url http://127.0.0.1:9911 --alert service=share severity=page --post --channel "#test"`,
	}
	var p previewing
	p.file = configFlag(cmd)
	url := cmd.Flags().String("url", "", "ask the running server at this address, for a page with evidence (default: no server)")
	cmd.Flags().StringArrayVar(&p.alert, "alert", nil, "a file with alerts, or a label as LABEL=VALUE; further labels may follow")
	cmd.Flags().StringArrayVar(&p.annotations, "annotation", nil, "an annotation as NAME=VALUE, such as summary=…")
	cmd.Flags().BoolVar(&p.post, "post", false, "send the page to Slack, or to the server's inbox")
	cmd.Flags().StringVar(&p.channel, "channel", "", "where --post sends it (default: where the page would go)")
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print the page as JSON, with its Block Kit blocks")
	_ = cmd.MarkFlagRequired("alert")
	cmd.MarkFlagsMutuallyExclusive("url", "config")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		alerts, err := p.alerts(cmd.InOrStdin(), args)
		if err != nil {
			return err
		}
		pages, err := p.pages(cmd.Context(), *url, app.PreviewRequest{Alerts: alerts, Post: p.post, Channel: p.channel})
		if err != nil {
			return err
		}
		return p.print(cmd.OutOrStdout(), pages)
	}
	return cmd
}

// pages builds the pages here, or asks the server at url.
func (p previewing) pages(ctx context.Context, url string, req app.PreviewRequest) ([]*slack.Preview, error) {
	if url == "" {
		return app.Preview(ctx, configPath(*p.file), req)
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	answer, err := newClient(url).send(ctx, "POST", apiRoot+"page/preview", body)
	if err != nil {
		return nil, err
	}
	var got struct{ Pages []*slack.Preview }
	if err := json.Unmarshal(answer, &got); err != nil {
		return nil, fmt.Errorf("%s did not answer with a page: %w (is it a Watchtower?)", url, err)
	}
	return got.Pages, nil
}

func (p previewing) print(out io.Writer, pages []*slack.Preview) error {
	if p.asJSON {
		return writeIndented(out, pages)
	}
	for i, page := range pages {
		if i > 0 {
			fmt.Fprintln(out, "\n════════")
		}
		fmt.Fprint(out, page)
		if page.PostedTo != "" {
			fmt.Fprintf(out, "\nPosted to %s (%s).\n", page.Channel, page.PostedTo)
		}
	}
	return nil
}

// alerts reads what --alert and the words after it say: files and labels. Labels are
// one alert, which files may not be mixed with.
func (p previewing) alerts(stdin io.Reader, words []string) ([]app.PreviewAlert, error) {
	var labels []string
	var alerts []app.PreviewAlert
	for _, word := range append(p.alert, words...) {
		if strings.Contains(word, "=") {
			labels = append(labels, word)
			continue
		}
		more, err := readAlerts(stdin, word)
		if err != nil {
			return nil, err
		}
		alerts = append(alerts, more...)
	}
	if len(labels) > 0 && len(alerts) > 0 {
		return nil, errors.New("--alert: give either a file or labels, not both")
	}
	if len(labels) > 0 {
		set, err := parseLabels(labels)
		if err != nil {
			return nil, err
		}
		alerts = append(alerts, app.PreviewAlert{Labels: labelSetOf(set)})
	}
	notes, err := parseLabels(p.annotations)
	if err != nil {
		return nil, fmt.Errorf("--annotation: %w", err)
	}
	for i := range alerts {
		if alerts[i].Annotations == nil {
			alerts[i].Annotations = model.LabelSet{}
		}
		maps.Copy(alerts[i].Annotations, labelSetOf(notes))
	}
	return alerts, nil
}

func labelSetOf(set map[string]string) model.LabelSet {
	out := make(model.LabelSet, len(set))
	for name, value := range set {
		out[model.LabelName(name)] = model.LabelValue(value)
	}
	return out
}

// readAlerts reads one alert or a list of them; JSON is YAML too.
func readAlerts(stdin io.Reader, file string) ([]app.PreviewAlert, error) {
	read := func() ([]byte, error) { return os.ReadFile(file) }
	if file == "-" {
		read = func() ([]byte, error) { return io.ReadAll(stdin) }
	}
	text, err := read()
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("--alert %s: there is no such file, and it is no label (LABEL=VALUE)", file)
	}
	if err != nil {
		return nil, fmt.Errorf("--alert: %w", err)
	}
	var list []app.PreviewAlert
	if listErr := decodeStrict(text, &list); listErr != nil {
		var one app.PreviewAlert
		if err := decodeStrict(text, &one); err != nil {
			if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) || bytes.HasPrefix(bytes.TrimSpace(text), []byte("-")) {
				err = listErr
			}
			return nil, fmt.Errorf("--alert %s: %s", file, alertFault(err))
		}
		list = []app.PreviewAlert{one}
	}
	return list, nil
}

// alertFault says what is wrong with a file of alerts: the YAML library speaks of Go's types.
func alertFault(err error) string {
	if errors.Is(err, io.EOF) {
		return "it is empty: write the labels of an alert into it"
	}
	text := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:\n  "), "\n  ", "; ")
	for _, known := range []struct{ pattern, sentence string }{
		{`field (\S+) not found in type [\w.]+`, `unknown key "$1": an alert has labels, annotations, startsAt, endsAt and generatorURL`},
		{`parsing time ("[^"]*") as .*`, "$1 is no time: write one as 2026-11-03T12:00:00Z"},
		{`cannot unmarshal .*into time\.Time`, "this is no time: write one as 2026-11-03T12:00:00Z"},
		{`cannot unmarshal .*into model\.\w+`, "labels and annotations are names with values"},
		{`cannot unmarshal .*into \S*PreviewAlert`, "this is neither an alert nor a list of alerts"},
	} {
		text = regexp.MustCompile(known.pattern).ReplaceAllString(text, known.sentence)
	}
	return text
}

// decodeStrict refuses keys that an alert does not have.
func decodeStrict(text []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	return d.Decode(v)
}
