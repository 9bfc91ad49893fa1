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
	"time"
	"unicode"
	"unicode/utf8"
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
	OnlyFor   string
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

func (b *Inbox) routes() http.Handler {
	mux := http.NewServeMux()
	guard := http.NewCrossOriginProtection() // A page elsewhere must not post here with a visitor's browser.
	mux.Handle("/inbox/api/{method}", guard.Handler(http.HandlerFunc(b.serveAPI)))
	mux.Handle("POST /inbox/respond/{token}", guard.Handler(http.HandlerFunc(b.serveRespond)))
	mux.Handle("POST /inbox/upload/{token}", guard.Handler(http.HandlerFunc(b.serveUpload)))
	mux.HandleFunc("GET /inbox/files/{id}/{name}", b.serveFile)
	mux.HandleFunc("GET /inbox/socket", b.serveSocket)
	mux.HandleFunc("/inbox/static/{file}", serveStatic)
	mux.HandleFunc("/inbox/events", b.serveEvents)
	mux.HandleFunc("/inbox", b.servePage)
	mux.HandleFunc("/inbox/{$}", b.servePage)
	mux.HandleFunc("/inbox/{channel}", b.servePage)
	mux.HandleFunc("/inbox/{channel}/{ts}", b.servePermalink)
	return mux
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
	view := pageView{Version: version, Title: "Inbox"}
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
	var page strings.Builder
	if err := b.templates.ExecuteTemplate(&page, "page.html", view); err != nil {
		b.logger.Error("inbox page broke", "err", err)
		http.Error(w, "The page could not be drawn. The log says why.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "+
		"img-src 'self' https: http:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
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
			v := viewOf(c)
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
	http.Redirect(w, r, viewOf(c).Href+"?at="+m.ts.String()+"#"+anchor, http.StatusFound)
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

func viewOf(c channel) channelView {
	v := channelView{Name: strings.TrimPrefix(c.name, "@"), Href: "/inbox/" + url.PathEscape(c.name), Firing: c.firing, Direct: c.direct()}
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
		v := viewOf(c)
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
	v := viewOf(channels[current])
	view.Channel, view.Title = &v, "#"+v.Name+" · Inbox"
	if firing > 0 {
		view.Title = fmt.Sprintf("(%d) %s", firing, view.Title)
	}
	return b.fillMessages(ctx, view, channels, current, r.URL.Query())
}

func (b *Inbox) fillMessages(ctx context.Context, view *pageView, channels []channel, current int, query url.Values) error {
	c := channels[current]
	s := selection{where: inStream + stands, newest: shown + 1}
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
		later, err := b.archive.messages(ctx, c.id, selection{after: around, where: inStream + stands, first: shown/2 + 1})
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
	d := drawer{inbox: b, render: b.render, channel: c, href: view.Channel.Href, target: target, now: b.now().In(b.location)}
	d.render.channels = map[string]string{}
	for _, other := range channels {
		d.render.channels[other.id] = other.name
	}
	d.render.location = b.location
	view.Messages, err = d.draw(ctx, found)
	return err
}

// drawer turns messages into what the template wants.
type drawer struct {
	inbox     *Inbox
	render    renderer
	channel   channel
	href      string
	target    message
	now       time.Time
	reactions map[stamp][]Reaction
	versions  map[stamp][]version
}

func (d *drawer) draw(ctx context.Context, stream []message) ([]messageView, error) {
	replies, err := d.inbox.archive.replies(ctx, stream)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(stream)
	for _, r := range replies {
		all = append(all, r...)
	}
	if d.reactions, err = d.inbox.archive.reactions(ctx, d.channel.id, span(all)); err != nil {
		return nil, err
	}
	if d.versions, err = d.inbox.archive.versions(ctx, d.channel.id, span(all)); err != nil {
		return nil, err
	}
	views := make([]messageView, 0, len(stream))
	day := ""
	for i, m := range stream {
		v := d.view("p", m)
		if today := d.day(m.ts.time()); today != day {
			v.Day, day = today, today
		}
		if i > 0 && v.Day == "" {
			v.Continued = continues(stream[i-1], m) && len(replies[stream[i-1].ts]) == 0
		}
		if m.broadcast {
			if v.ReplyTo, err = d.replyTo(ctx, m); err != nil {
				return nil, err
			}
		}
		v.Thread = d.thread(m, replies[m.ts])
		views = append(views, v)
	}
	return views, nil
}

// continues says whether m reads on from the message before it. What is more than a line or two stands for itself.
func continues(before, m message) bool {
	return before.author() == m.author() && before.icon == m.icon && m.blocks == "" && before.blocks == "" && before.deleted == 0 &&
		m.deleted == 0 && before.ephemeral == m.ephemeral && !m.broadcast && m.ts.time().Sub(before.ts.time()) < 5*time.Minute
}

func (d *drawer) thread(parent message, replies []message) *threadView {
	if len(replies) == 0 {
		return nil
	}
	t := &threadView{ID: anchorOf("r", parent), Open: d.target.thread == parent.ts && !d.target.broadcast, Last: d.ago(replies[len(replies)-1].ts.time())}
	for i, r := range replies {
		v := d.view("t", r)
		v.AlsoSent = r.broadcast
		v.Continued = i > 0 && continues(replies[i-1], r)
		t.Replies = append(t.Replies, v)
	}
	return t
}

// replyTo says in the channel which thread a broadcast reply belongs to.
func (d *drawer) replyTo(ctx context.Context, m message) (*replyView, error) {
	v := &replyView{Href: d.href + "/" + m.thread.String(), Text: "a message that was deleted"}
	parent, err := d.inbox.archive.message(ctx, m.channel, m.thread)
	switch {
	case errors.Is(err, errNoMessage):
	case err != nil:
		return nil, err
	default:
		v.Text = d.render.plain(summary(parent.text))
	}
	return v, nil
}

// summary is the beginning of a text, in one line.
func summary(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if s == "" {
		return "a message"
	}
	if runes := []rune(s); len(runes) > 90 {
		s = strings.TrimRight(string(runes[:88]), " ") + "…"
	}
	return s
}

func (d *drawer) view(anchor string, m message) messageView {
	v := messageView{
		ID: anchorOf(anchor, m), Author: m.author(), Bot: true, Time: d.time(m.ts.time()), Permalink: d.href + "/" + m.ts.String(),
		State: m.state, Deleted: m.deleted != 0, Target: d.target.ts != 0 && m.ts == d.target.ts,
		Hue: hue(m.author()), Initial: initial(m.author()),
	}
	if v.Deleted {
		return v
	}
	if m.icon != "" {
		v.Icon = d.render.plain(m.icon)
		if !strings.HasPrefix(string(v.Icon), "<span") { // Pictures of authors are not loaded from elsewhere.
			v.Icon = ""
		}
	}
	if m.blocks != "" {
		v.Blocks = d.render.blocks(m.blocks)
	} else {
		v.Text = d.render.mrkdwn(m.text)
	}
	v.Attached = d.render.attachments(m.attachments)
	if m.ephemeral != "" {
		v.OnlyFor = d.render.people.name(m.ephemeral)
	}
	if m.edits > 0 {
		v.EditCount, v.Edited = m.edits, d.time(m.edited.time())
		for _, old := range d.versions[m.ts] {
			v.Edits = append(v.Edits, editView{Time: d.time(old.written.time()), Text: d.render.mrkdwn(old.text)})
		}
	}
	for _, r := range d.reactions[m.ts] {
		var who []string
		for _, user := range r.Users {
			who = append(who, d.render.people.name(user))
		}
		v.Reactions = append(v.Reactions, reactionView{Glyph: d.render.plain(":" + r.Name + ":"), Count: len(r.Users), Who: strings.Join(who, ", ")})
	}
	return v
}

func (d *drawer) time(t time.Time) timeView {
	t = t.In(d.inbox.location)
	return timeView{Short: t.Format("15:04"), Long: t.Format("Monday, 2 January 2006 at 15:04:05 MST"), Machine: t.Format(time.RFC3339)}
}

func (d *drawer) day(t time.Time) string {
	t = t.In(d.inbox.location)
	switch t.Format(time.DateOnly) {
	case d.now.Format(time.DateOnly):
		return "Today"
	case d.now.AddDate(0, 0, -1).Format(time.DateOnly):
		return "Yesterday"
	}
	if t.Year() == d.now.Year() {
		return t.Format("Monday, 2 January")
	}
	return t.Format("Monday, 2 January 2006")
}

// ago says when the last reply came.
func (d *drawer) ago(t time.Time) string {
	at := t.In(d.inbox.location).Format("15:04")
	if day := d.day(t); day != "Today" {
		return strings.ToLower(day[:1]) + day[1:] + " at " + at
	}
	return "today at " + at
}

func initial(name string) string {
	c, _ := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(c))
}

// hue gives every author one of the colors of the style sheet.
func hue(name string) int {
	sum := 0
	for _, c := range name {
		sum = (sum*31 + int(c)) % 997
	}
	return sum % 6
}
