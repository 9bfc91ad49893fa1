package inbox

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

func parseTemplates() (*template.Template, error) {
	return template.ParseFS(templateFiles, "templates/*.html")
}

// shown is how many messages of a channel one page holds.
const shown = 60

// pageView is what the page's template wants.
type pageView struct {
	Title    string
	Version  string // of what is shown; see changes
	Channels []channelView
	Direct   []channelView
	Channel  *channelView
	Messages []messageView
	Earlier  string // address of the messages before these; empty: there are none
	Latest   string // address of the newest messages, when these are others
	Problem  string // said in place of messages
	Back     string // address of this page
	Me       Person
	People   []Person
	View     *viewView // what the person has open
	Faults   []string  // scripted, still to come
}

type channelView struct {
	Name, Href string
	Firing     int
	Active     bool
	Direct     bool
}

type messageView struct {
	ID        string // anchor
	Day       string // set on the first message of a day
	Author    string
	Bot       bool
	Initial   string
	Icon      template.HTML
	Hue       int
	Time      timeView
	Permalink string
	State     state
	Text      template.HTML // without blocks
	Blocks    []blockView
	Attached  []attachmentView
	Edits     []editView
	EditCount int
	Edited    timeView
	Reactions []reactionView
	Private   bool // only this person sees it
	Answers   []messageView
	Notice    string
	Files     []fileView
	Usable    bool // something in it can be used
	Typed     bool // it has an input that one types in
	Channel   string
	TS        string
	Back      string
	ReplyTo   *replyView // a reply that the channel shows as well
	AlsoSent  bool       // the same, in its thread
	Deleted   bool
	Continued bool // by the same author and soon after: name and picture are left out
	Target    bool
	Thread    *threadView
}

type timeView struct{ Short, Long, Machine string }

type editView struct {
	Time timeView
	Text template.HTML
}

type reactionView struct {
	Glyph template.HTML
	Count int
	Who   string
}

// fileView is a file under a message.
type fileView struct {
	Name, Title, Alt, Href string
	Size                   string
	Kind                   string // image, text, other, gone
	Preview                string
	Cut                    bool // the preview is not all
}

type replyView struct {
	Href string
	Text template.HTML
}

type threadView struct {
	ID      string
	Replies []messageView
	Last    string
	Open    bool
}

func serveStatic(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=300")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, staticFiles, "static/"+r.PathValue("file"))
}

// servePage shows a channel: the one in the path, or the one with the newest message.
func (b *Inbox) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This page can only be read.", http.StatusMethodNotAllowed)
		return
	}
	_, version := b.changes.next() // Before reading: what is written meanwhile makes the page look older, not newer.
	view := pageView{Version: version, Title: "Inbox", Back: r.URL.RequestURI()}
	status := http.StatusOK
	if err := b.fill(r.Context(), &view, r); err != nil {
		status, view.Problem = b.problem(err, r.PathValue("channel"))
	}
	b.write(w, status, view)
}

func (b *Inbox) problem(err error, channel string) (int, string) {
	switch {
	case errors.Is(err, errNoChannel):
		return http.StatusNotFound, fmt.Sprintf("There is no channel called %s.", channel)
	case errors.Is(err, errNoMessage):
		return http.StatusNotFound, "This message is not here, or was deleted."
	}
	b.logger.Error("inbox page broke", "err", err)
	return http.StatusInternalServerError, "The messages could not be read. The log says why."
}

func (b *Inbox) write(w http.ResponseWriter, status int, view pageView) {
	b.writeTemplate(w, status, "page.html", view)
}

func (b *Inbox) writeTemplate(w http.ResponseWriter, status int, name string, data any) {
	var page strings.Builder
	if err := b.templates.ExecuteTemplate(&page, name, data); err != nil {
		b.logger.Error("inbox page broke", "err", err)
		http.Error(w, "The page could not be drawn. The log says why.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "+
		"img-src 'self' https: http:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // Without any, a browser would hide from us that its forms are our own.
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client that went away is the only one this error could be told to.
	_, _ = fmt.Fprint(w, page.String())
}

// servePermalink sends the browser to the message within its channel.
func (b *Inbox) servePermalink(w http.ResponseWriter, r *http.Request) {
	m, c, err := b.find(r.Context(), r.PathValue("channel"), r.PathValue("ts"))
	if err != nil {
		view := pageView{Title: "Inbox"}
		if c.id != "" {
			v := b.viewOf(c)
			view.Channel = &v
		}
		var status int
		status, view.Problem = b.problem(err, r.PathValue("channel"))
		b.write(w, status, view)
		return
	}
	anchor := anchorOf("p", m)
	if m.thread != 0 && !m.broadcast {
		anchor = anchorOf("t", m)
	}
	http.Redirect(w, r, b.viewOf(c).Href+"?at="+m.ts.String()+"#"+anchor, http.StatusFound)
}

// find returns the message that a permalink names. A deleted one stands as long as it has replies.
func (b *Inbox) find(ctx context.Context, channelName, ts string) (message, channel, error) {
	c, err := b.archive.find(ctx, channelName)
	if err != nil {
		return message{}, c, err
	}
	at, ok := parseStamp(ts)
	if !ok {
		return message{}, c, errNoMessage
	}
	found, err := b.archive.messages(ctx, c.id, selection{after: at - 1, before: at + 1, where: stands})
	if err != nil || len(found) == 0 {
		return message{}, c, errors.Join(err, errNoMessage)
	}
	return found[0], c, nil
}

func anchorOf(prefix string, m message) string {
	return prefix + strings.ReplaceAll(m.ts.String(), ".", "")
}

func (b *Inbox) viewOf(c channel) channelView {
	name := c.name
	if user, direct := strings.CutPrefix(c.name, "@"); direct {
		name = b.people.name(user)
	}
	v := channelView{Name: name, Href: "/inbox/" + url.PathEscape(c.name), Firing: c.firing, Direct: c.direct()}
	switch c.name {
	case "api", "static", "events", "socket", "faults", ".", "..": // These are not channels in a path.
		v.Href = "/inbox/" + c.id
	}
	return v
}

// fill reads what the page of a request shows.
func (b *Inbox) fill(ctx context.Context, view *pageView, r *http.Request) error {
	channels, err := b.archive.channels(ctx)
	if err != nil {
		return err
	}
	if err := b.fillPerson(ctx, view, r); err != nil {
		return err
	}
	wanted := r.PathValue("channel")
	current := -1
	for i, c := range channels {
		switch {
		case wanted == c.id || wanted != "" && channelName(wanted) == c.name:
			current = i
		case wanted == "" && (current < 0 || c.latest > channels[current].latest):
			current = i
		}
	}
	firing := 0
	for i, c := range channels {
		v := b.viewOf(c)
		v.Active = i == current
		firing += v.Firing
		if v.Direct {
			view.Direct = append(view.Direct, v)
		} else {
			view.Channels = append(view.Channels, v)
		}
	}
	switch {
	case current >= 0:
	case wanted != "":
		return errNoChannel
	default:
		return nil
	}
	v := b.viewOf(channels[current])
	view.Channel, view.Title = &v, "#"+v.Name+" · Inbox"
	if firing > 0 {
		view.Title = fmt.Sprintf("(%d) %s", firing, view.Title)
	}
	return b.fillMessages(ctx, view, channels, current, r.URL.Query())
}

func (b *Inbox) fillMessages(ctx context.Context, view *pageView, channels []channel, current int, query url.Values) error {
	c := channels[current]
	s := selection{where: inStream + stands + readBy, reader: view.Me.ID, newest: shown + 1}
	var target message
	if at := query.Get("at"); at != "" {
		var err error
		if target, _, err = b.find(ctx, c.id, at); err != nil {
			return err
		}
		around := target.ts
		if target.thread != 0 && !target.broadcast {
			around = target.thread
		}
		later, err := b.archive.messages(ctx, c.id, selection{after: around, where: inStream + stands + readBy, reader: view.Me.ID, first: shown/2 + 1})
		if err != nil {
			return err
		}
		if len(later) > shown/2 {
			s.before, view.Latest = later[shown/2].ts, view.Channel.Href
		}
	}
	if before, ok := parseStamp(query.Get("before")); ok {
		s.before, view.Latest = before, view.Channel.Href
	}
	found, err := b.archive.messages(ctx, c.id, s)
	if err != nil {
		return err
	}
	if len(found) > shown {
		found = found[:shown]
		view.Earlier = view.Channel.Href + "?before=" + found[shown-1].ts.String()
	}
	slices.Reverse(found)
	d := drawer{inbox: b, render: b.render, channel: c, href: view.Channel.Href, target: target, now: b.now().In(b.location), person: view.Me, back: view.Back}
	d.render.channels = map[string]string{}
	for _, other := range channels {
		d.render.channels[other.id] = other.name
	}
	d.render.location = b.location
	view.Messages, err = d.draw(ctx, found)
	return err
}
