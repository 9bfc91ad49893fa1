package viewer

import (
	"encoding/json"
	"errors"
)

// boardJSON is the part of Grafana's classic dashboard that is read. What has another
// type than expected is left out, and the board says so.
type boardJSON struct {
	UID         string          `json:"uid"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Tags        []string        `json:"tags"`
	Refresh     json.RawMessage `json:"refresh"` // "30s" or false
	Time        struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"time"`
	Panels     []panelJSON `json:"panels"`
	Templating struct {
		List []variableJSON `json:"list"`
	} `json:"templating"`
	Links []linkJSON `json:"links"`
}

type panelJSON struct {
	ID          int64           `json:"id"`
	Type        string          `json:"type"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	GridPos     gridJSON        `json:"gridPos"`
	Panels      []panelJSON     `json:"panels"` // of a collapsed row
	Targets     []targetJSON    `json:"targets"`
	FieldConfig fieldConfigJSON `json:"fieldConfig"`
	Options     optionsJSON     `json:"options"`
	Transforms  []transformJSON `json:"transformations"`
	Links       []linkJSON      `json:"links"`
	Repeat      string          `json:"repeat"`
	TimeFrom    string          `json:"timeFrom"`
	Interval    string          `json:"interval"`
	Datasource  json.RawMessage `json:"datasource"`
	// Of text panels of long ago.
	Mode    string `json:"mode"`
	Content string `json:"content"`
}

type gridJSON struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

type targetJSON struct {
	RefID        string          `json:"refId"`
	Expr         string          `json:"expr"`
	LegendFormat string          `json:"legendFormat"`
	Instant      bool            `json:"instant"`
	Range        bool            `json:"range"`
	Format       string          `json:"format"` // "time_series", "table", "heatmap"
	Hide         bool            `json:"hide"`
	Interval     string          `json:"interval"`
	Datasource   json.RawMessage `json:"datasource"`
}

type fieldConfigJSON struct {
	Defaults  json.RawMessage `json:"defaults"`
	Overrides []struct {
		Matcher struct {
			ID      string          `json:"id"`
			Options json.RawMessage `json:"options"`
		} `json:"matcher"`
		Properties []struct {
			ID    string          `json:"id"`
			Value json.RawMessage `json:"value"`
		} `json:"properties"`
	} `json:"overrides"`
}

// optionsJSON is what the kinds of panels have between them.
type optionsJSON struct {
	Legend struct {
		DisplayMode string   `json:"displayMode"`
		ShowLegend  *bool    `json:"showLegend"`
		Calcs       []string `json:"calcs"`
	} `json:"legend"`
	ReduceOptions struct {
		Calcs  []string `json:"calcs"`
		Fields string   `json:"fields"`
		Values bool     `json:"values"`
		Limit  float64  `json:"limit"`
	} `json:"reduceOptions"`
	GraphMode string `json:"graphMode"`
	ColorMode string `json:"colorMode"`
	TextMode  string `json:"textMode"`
	SortBy    []struct {
		DisplayName string `json:"displayName"`
		Desc        bool   `json:"desc"`
	} `json:"sortBy"`
	ShowHeader  *bool  `json:"showHeader"`
	Mode        string `json:"mode"` // of a text: "markdown", "html", "code"
	Content     string `json:"content"`
	Calculate   bool   `json:"calculate"` // of a heatmap
	Calculation struct {
		YBuckets struct {
			Mode  string `json:"mode"`
			Value string `json:"value"`
		} `json:"yBuckets"`
	} `json:"calculation"`
	YAxis struct {
		Unit     string `json:"unit"`
		Decimals *int   `json:"decimals"`
	} `json:"yAxis"`
	CellValues struct {
		Unit     string `json:"unit"`
		Decimals *int   `json:"decimals"`
	} `json:"cellValues"`
}

type transformJSON struct {
	ID       string          `json:"id"`
	Disabled bool            `json:"disabled"`
	Options  json.RawMessage `json:"options"`
}

type linkJSON struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"` // "link", or "dashboards": those with the tags
	URL         string   `json:"url"`
	Tags        []string `json:"tags"`
	KeepTime    bool     `json:"keepTime"`
	IncludeVars bool     `json:"includeVars"`
}

type variableJSON struct {
	Name        string          `json:"name"`
	Label       string          `json:"label"`
	Description string          `json:"description"`
	Type        string          `json:"type"`
	Query       json.RawMessage `json:"query"` // text, or an object that has it
	Regex       string          `json:"regex"`
	Sort        int             `json:"sort"`
	Multi       bool            `json:"multi"`
	IncludeAll  bool            `json:"includeAll"`
	AllValue    string          `json:"allValue"`
	Hide        int             `json:"hide"` // 2: not shown
	Current     struct {
		Value oneOrMany `json:"value"`
	} `json:"current"`
	Options []struct {
		Text     oneOrMany `json:"text"`
		Value    oneOrMany `json:"value"`
		Selected bool      `json:"selected"`
	} `json:"options"`
}

// oneOrMany is a text or a list of them.
type oneOrMany []string

// UnmarshalJSON takes whatever there is: what is no text is left out.
func (o *oneOrMany) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	var many []any
	if json.Unmarshal(raw, &many) == nil {
		*o = nil
		for _, v := range many {
			if s, ok := v.(string); ok {
				*o = append(*o, s)
			}
		}
	}
	return nil
}

// first returns the first text, if any.
func (o oneOrMany) first() string {
	if len(o) == 0 {
		return ""
	}
	return o[0]
}

// lenient decodes JSON into v and leaves out what has another type than v has: that is
// the error that it returns as odd.
func lenient(raw []byte, v any) (odd, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	err = json.Unmarshal(raw, v)
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return mismatch, nil
	}
	return nil, err
}

// text returns a JSON string, or "".
func text(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
