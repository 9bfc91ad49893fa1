package inbox

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// personCookie says who the browser's person is.
const personCookie = "inbox_person"

func (b *Inbox) routes() http.Handler {
	mux := http.NewServeMux()
	guard := http.NewCrossOriginProtection() // A page elsewhere must not post here with a visitor's browser.
	if u, err := url.Parse(b.external); err == nil && u.Host != "" {
		// Behind a proxy this is what browsers call us. Scheme and host alone are always an origin.
		_ = guard.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	writes := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, guard.Handler(h)) }
	writes("/inbox/api/{method}", b.serveAPI)
	writes("POST /inbox/respond/{token}", b.serveRespond)
	writes("POST /inbox/upload/{token}", b.serveUpload)
	writes("POST /inbox/click", b.serveClick)
	writes("POST /inbox/view", b.serveView)
	writes("POST /inbox/delete", b.serveDelete)
	writes("POST /inbox/person", b.servePerson)
	writes("/inbox/faults", b.serveFaults)
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

// person is who the browser says it is; the first of the directory if it does not, or if there is no such person.
func (b *Inbox) person(r *http.Request) Person {
	if c, err := r.Cookie(personCookie); err == nil {
		if p, known := b.people.find(c.Value); known {
			return p
		}
	}
	return b.people.people[0]
}

// choosable are who one may be: the directory, and where nobody wrote one, everyone who was ever told something.
func (b *Inbox) choosable(ctx context.Context, me Person) ([]Person, error) {
	people := slices.Clone(b.people.people)
	if !b.people.open {
		return people, nil
	}
	listeners, err := b.archive.listeners(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range append(listeners, me.ID) {
		if !slices.ContainsFunc(people, func(p Person) bool { return p.ID == id }) {
			people = append(people, Person{ID: id, Name: id})
		}
	}
	return people, nil
}

// readForm reads a posted form, and answers itself when it cannot.
func (b *Inbox) readForm(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form could not be read.", http.StatusBadRequest)
		return false
	}
	return true
}

// goBack sends the browser to the page that the form was on.
func goBack(w http.ResponseWriter, r *http.Request, anchor string) {
	back := r.PostForm.Get("back")
	if u, err := url.Parse(back); err != nil || u.IsAbs() || u.Host != "" || strings.ContainsRune(back, '\\') ||
		u.Path != "/inbox" && !strings.HasPrefix(u.Path, "/inbox/") {
		back = "/inbox"
	}
	back, _, _ = strings.Cut(back, "#")
	if anchor != "" {
		back += "#" + anchor
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// confirmPage asks, for browsers that run no script, what the page would ask in a dialog.
type confirmPage struct {
	Confirm *confirmView
	Back    string
	Fields  []fieldOfForm
}

type fieldOfForm struct{ Name, Value string }

// serveClick is a person using an element of a message.
func (b *Inbox) serveClick(w http.ResponseWriter, r *http.Request) {
	if !b.readForm(w, r) {
		return
	}
	form := r.PostForm
	me := b.person(r)
	key, value, ok := readUse(cmp.Or(form.Get("confirmed"), form.Get("click")))
	if !ok { // The Enter key in a field that tells nobody.
		goBack(w, r, form.Get("anchor"))
		return
	}
	// The app hears of the click even if the browser goes away.
	ctx := context.WithoutCancel(r.Context())
	c := Click{Channel: form.Get("channel"), TS: form.Get("ts"), BlockID: key.block, ActionID: key.action, User: me.ID}
	_, m, err := b.clicked(ctx, c)
	if err != nil {
		b.refuseForm(w, err)
		return
	}
	parts := partsOfMessage(m)
	p, found := findPart(parts, key)
	if confirm := (renderer{controls: &controls{}}).confirm(p); found && confirm != nil && form.Get("confirmed") == "" {
		b.askFirst(w, r, confirm)
		return
	}
	entered := enteredIn(form, parts)
	for which, values := range entered {
		b.board.choose(noticeKey{user: me.ID, channel: m.channel, ts: m.ts}, which, values)
	}
	if c.Values = entered[p.key]; value != "" {
		c.Values = []string{value}
	}
	if err := b.Click(ctx, c); errors.Is(err, ErrNoElement) {
		b.refuseForm(w, err)
		return
	} else if err != nil {
		b.logger.Warn("click did not arrive", "err", err)
	}
	goBack(w, r, form.Get("anchor"))
}

func (b *Inbox) refuseForm(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrNoElement) || errors.Is(err, errNoMessage) || errors.Is(err, errNoChannel) {
		http.Error(w, "What you used is not there anymore. Go back and load the page again.", http.StatusNotFound)
		return
	}
	b.logger.Error("inbox form broke", "err", err)
	http.Error(w, "This did not work. The log says why.", http.StatusInternalServerError)
}

func (b *Inbox) askFirst(w http.ResponseWriter, r *http.Request, confirm *confirmView) {
	page := confirmPage{Confirm: confirm, Back: r.PostForm.Get("back")}
	for name, values := range r.PostForm {
		for _, value := range values {
			if name != "click" {
				page.Fields = append(page.Fields, fieldOfForm{name, value})
			}
		}
	}
	b.writeTemplate(w, http.StatusOK, "confirm.html", page)
}

// serveView is a person submitting, closing or using the view that is open.
func (b *Inbox) serveView(w http.ResponseWriter, r *http.Request) {
	if !b.readForm(w, r) {
		return
	}
	form := r.PostForm
	ctx := context.WithoutCancel(r.Context())
	me := b.person(r)
	m, err := b.board.viewOfPerson(form.Get("view"), me.ID)
	if err != nil { // It was closed meanwhile, perhaps by another window.
		goBack(w, r, form.Get("anchor"))
		return
	}
	entered := enteredIn(form, partsOf(m.blocks))
	switch key, value, clicked := readUse(form.Get("click")); {
	case form.Get("do") == "close":
		err = b.CloseView(ctx, m.id, me.ID)
	case clicked:
		m.entered = entered
		b.board.replace(m)
		c := Click{View: m.id, BlockID: key.block, ActionID: key.action, User: me.ID, Values: entered[key]}
		if value != "" {
			c.Values = []string{value}
		}
		err = b.Click(ctx, c)
	default:
		_, err = b.submit(ctx, m, entered)
	}
	if err != nil {
		b.logger.Warn("view was not taken", "err", err)
	}
	goBack(w, r, form.Get("anchor"))
}

// serveDelete is a person deleting a message, or dismissing what only they see.
func (b *Inbox) serveDelete(w http.ResponseWriter, r *http.Request) {
	if !b.readForm(w, r) {
		return
	}
	_, m, err := b.clicked(r.Context(), Click{Channel: r.PostForm.Get("channel"), TS: r.PostForm.Get("ts"), User: b.person(r).ID})
	if err == nil {
		err = b.Delete(r.Context(), m.channel, m.ts.String())
	}
	if err != nil {
		b.refuseForm(w, err)
		return
	}
	goBack(w, r, "")
}

// servePerson remembers who the browser's person is.
func (b *Inbox) servePerson(w http.ResponseWriter, r *http.Request) {
	if !b.readForm(w, r) {
		return
	}
	p, known := b.people.find(r.PostForm.Get("person"))
	if !known {
		http.Error(w, "There is no such person in this inbox.", http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: personCookie, Value: p.ID, Path: "/inbox", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	})
	goBack(w, r, "")
}

// viewView is an open view as the page's template wants it.
type viewView struct {
	ID, Title, Submit, Close string
	State                    string // changes when the page must draw the view anew
	Trouble                  string
	Blocks                   []blockView
}

// fillPerson says who is looking, and what they have open.
func (b *Inbox) fillPerson(ctx context.Context, view *pageView, r *http.Request) error {
	view.Me, view.Faults = b.person(r), b.faults.say()
	var err error
	if view.People, err = b.choosable(ctx, view.Me); err != nil {
		return err
	}
	m, open := b.board.top(view.Me.ID)
	if !open {
		return nil
	}
	render := b.render
	render.location = b.location
	render.controls = &controls{prefix: "v", entered: m.entered, errors: m.errors, people: b.people.people}
	view.View = &viewView{
		ID: m.id, Title: plainText(m.spec["title"]), Submit: plainText(m.spec["submit"]), Close: cmp.Or(plainText(m.spec["close"]), "Cancel"),
		State: m.state(), Trouble: m.errors[""], Blocks: render.blockList(m.blocks),
	}
	return nil
}
