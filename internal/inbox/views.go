package inbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// View is a modal that a person has open.
type View struct {
	ID, User        string
	Title           string
	CallbackID      string
	PrivateMetadata string
	// Hash changes with every update.
	Hash string
	// Blocks is a JSON array.
	Blocks []byte
	// Errors are what is said under its inputs, by block ID; what concerns the whole view is under the empty ID.
	Errors map[string]string
}

// Slack's limits for views: https://docs.slack.dev/reference/views/modal-views.
const (
	maxView         = 250_000 // bytes
	maxViewBlocks   = 100
	maxViewTitle    = 24
	maxPrivate      = 3000
	maxCallbackID   = 255
	maxStackedViews = 3
)

// trouble is what Slack says when an app does not take a submission.
const trouble = "We had some trouble connecting. Try again?"

// modal is an open view. It is replaced, never changed.
type modal struct {
	id, user, hash string
	root, previous string
	spec           object // as the app gave it, checked
	blocks         []any
	errors         map[string]string
	entered        map[partKey][]string // kept when a submission fails
}

func (m modal) public() (View, error) {
	blocks, err := encode(m.blocks)
	if err != nil {
		return View{}, err
	}
	title, _ := m.spec["title"].(object)
	return View{
		ID: m.id, User: m.user, Title: str(title, "text"), CallbackID: str(m.spec, "callback_id"),
		PrivateMetadata: str(m.spec, "private_metadata"), Hash: m.hash, Blocks: []byte(blocks), Errors: m.errors,
	}, nil
}

// wire writes a view as Slack does.
func (m modal) wire() object {
	w := object{
		"id": m.id, "team_id": teamID, "type": "modal", "title": m.spec["title"], "blocks": m.blocks, "submit": m.spec["submit"],
		"close": m.spec["close"], "private_metadata": str(m.spec, "private_metadata"), "callback_id": str(m.spec, "callback_id"),
		"external_id": str(m.spec, "external_id"), "clear_on_close": m.flag("clear_on_close"), "notify_on_close": m.flag("notify_on_close"),
		"state": object{"values": stateValues(partsOf(m.blocks), m.entered)}, "hash": m.hash, "root_view_id": m.root, "previous_view_id": nil,
		"app_id": appID, "bot_id": botID, "app_installed_team_id": teamID,
	}
	if m.previous != "" {
		w["previous_view_id"] = m.previous
	}
	return w
}

// state changes whenever the view must be drawn anew: not while a person fills it in.
func (m modal) state() string {
	sum := sha256.New()
	for _, block := range slices.Sorted(maps.Keys(m.errors)) {
		fmt.Fprintln(sum, block, m.errors[block])
	}
	return m.id + "." + m.hash + "." + hex.EncodeToString(sum.Sum(nil)[:6])
}

func (m modal) flag(name string) bool {
	on, _ := m.spec[name].(bool)
	return on
}

// OpenView returns the view that a person has open, the one on top if there are several.
func (b *Inbox) OpenView(user string) (View, bool) {
	m, open := b.board.top(b.someone(user))
	if !open {
		return View{}, false
	}
	v, err := m.public()
	return v, err == nil
}

func (d *switchboard) top(user string) (modal, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	stack := d.stacks[user]
	if len(stack) == 0 {
		return modal{}, false
	}
	return stack[len(stack)-1], true
}

// viewOfPerson returns a view on top of that person's others.
func (d *switchboard) viewOfPerson(id, user string) (modal, error) {
	m, open := d.top(user)
	if !open || m.id != id {
		return modal{}, fmt.Errorf("view %s is not what %s has open: %w", id, user, ErrNoElement)
	}
	return m, nil
}

// replace puts m in the place of the view with its ID and says whether that is still open.
func (d *switchboard) replace(m modal) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.stacks[m.user], func(old modal) bool { return old.id == m.id })
	if i < 0 {
		return false
	}
	stack := slices.Clone(d.stacks[m.user])
	stack[i] = m
	d.stacks[m.user] = stack
	return true
}

// pop closes a view and those above it.
func (d *switchboard) pop(m modal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.IndexFunc(d.stacks[m.user], func(old modal) bool { return old.id == m.id }); i >= 0 {
		d.stacks[m.user] = slices.Clone(d.stacks[m.user][:i])
	}
}

func (d *switchboard) clear(user string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.stacks, user)
}

func (d *switchboard) hashLocked() string {
	d.count++
	return fmt.Sprintf("%d.%s", d.count, strings.ToLower(rand.Text()[:8]))
}

// duplicateLocked says whether another view has that external ID.
func (d *switchboard) duplicateLocked(external, id string) bool {
	for _, stack := range d.stacks {
		for _, m := range stack {
			if external != "" && m.id != id && str(m.spec, "external_id") == external {
				return true
			}
		}
	}
	return false
}

func newModal(user string, spec object) modal {
	m := modal{id: newID("V0"), user: user, spec: spec, blocks: items(spec, "blocks")}
	m.root = m.id
	return m
}

// newID makes an ID of Slack's form.
func newID(prefix string) string { return prefix + rand.Text()[:9] }

func (b *Inbox) viewsOpen(ctx context.Context, c call) (map[string]any, error) {
	spec, err := b.checkView(ctx, c.args["view"])
	if err != nil {
		return nil, err
	}
	m, err := b.board.open(c.args["trigger_id"], spec, b)
	if err != nil {
		return nil, err
	}
	b.changes.publish()
	return map[string]any{"view": m.wire()}, nil
}

// open exchanges a trigger for a view, which takes the place of what the person had open.
func (d *switchboard) open(triggerID string, spec object, b *Inbox) (modal, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.duplicateLocked(str(spec, "external_id"), "") {
		return modal{}, refuse("duplicate_external_id")
	}
	t, err := d.exchangeLocked(triggerID, b.now())
	if err != nil {
		return modal{}, err
	}
	m := newModal(t.user, spec)
	m.hash = d.hashLocked()
	d.stacks[t.user] = []modal{m}
	return m, nil
}

func (b *Inbox) viewsPush(ctx context.Context, c call) (map[string]any, error) {
	spec, err := b.checkView(ctx, c.args["view"])
	if err != nil {
		return nil, err
	}
	m, err := b.board.pushByTrigger(c.args["trigger_id"], spec, b)
	if err != nil {
		return nil, err
	}
	b.changes.publish()
	return map[string]any{"view": m.wire()}, nil
}

func (d *switchboard) pushByTrigger(triggerID string, spec object, b *Inbox) (modal, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.exchangeLocked(triggerID, b.now())
	if err != nil {
		return modal{}, err
	}
	if len(d.stacks[t.user]) == 0 {
		return modal{}, refuse("not_found")
	}
	return d.pushLocked(t.user, spec)
}

// pushLocked puts a view on top of what the person has open.
func (d *switchboard) pushLocked(user string, spec object) (modal, error) {
	stack := d.stacks[user]
	switch {
	case len(stack) >= maxStackedViews:
		return modal{}, refuse("push_limit_reached")
	case d.duplicateLocked(str(spec, "external_id"), ""):
		return modal{}, refuse("duplicate_external_id")
	}
	m := newModal(user, spec)
	m.hash = d.hashLocked()
	if len(stack) > 0 {
		m.root, m.previous = stack[0].id, stack[len(stack)-1].id
	}
	d.stacks[user] = append(slices.Clone(stack), m)
	return m, nil
}

func (b *Inbox) viewsUpdate(ctx context.Context, c call) (map[string]any, error) {
	spec, err := b.checkView(ctx, c.args["view"])
	if err != nil {
		return nil, err
	}
	m, err := b.board.update(c, spec)
	if err != nil {
		return nil, err
	}
	b.changes.publish()
	return map[string]any{"view": m.wire()}, nil
}

// update replaces what an open view shows. What the person entered stays where the same input is still there.
func (d *switchboard) update(c call, spec object) (modal, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, external := c.args["view_id"], c.args["external_id"]
	for user, stack := range d.stacks {
		i := slices.IndexFunc(stack, func(m modal) bool {
			return m.id == id || id == "" && external != "" && str(m.spec, "external_id") == external
		})
		if i < 0 {
			continue
		}
		if hash := c.args["hash"]; hash != "" && hash != stack[i].hash {
			return modal{}, refuse("hash_conflict")
		}
		if d.duplicateLocked(str(spec, "external_id"), stack[i].id) {
			return modal{}, refuse("duplicate_external_id")
		}
		m := stack[i].with(spec)
		m.hash = d.hashLocked()
		stack = slices.Clone(stack)
		stack[i] = m
		d.stacks[user] = stack
		return m, nil
	}
	return modal{}, refuse("not_found")
}

// with is the same view, showing something else.
func (m modal) with(spec object) modal {
	m.spec, m.blocks, m.errors = spec, items(spec, "blocks"), nil
	if _, has := spec["external_id"]; !has {
		m.spec["external_id"] = ""
	}
	return m
}

// checkView reads a view as views.open and a submission's answer give it, and holds it to Slack's limits.
func (b *Inbox) checkView(ctx context.Context, raw string) (object, error) {
	if len(raw) > maxView {
		return nil, refuse("view_too_large")
	}
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	var spec object
	if err := decoder.Decode(&spec); err != nil || spec == nil {
		return nil, slackError{word: "invalid_arguments", messages: []string{"must provide an object [json-pointer:/view]"}}
	}
	c := newChecker()
	c.most, c.file = maxViewBlocks, b.shownFile(ctx)
	if kind := str(spec, "type"); kind != "modal" {
		c.fault("/view/type", "unsupported type: %s", kind)
	}
	c.text("/view", spec, "title", textLimits{max: maxViewTitle, plain: true, required: true})
	c.text("/view", spec, "submit", textLimits{max: maxViewTitle, plain: true})
	c.text("/view", spec, "close", textLimits{max: maxViewTitle, plain: true})
	c.str("/view", spec, "private_metadata", maxPrivate)
	c.str("/view", spec, "callback_id", maxCallbackID)
	c.str("/view", spec, "external_id", maxCallbackID)
	blocks, ok := spec["blocks"].([]any)
	if !ok {
		c.fault("/view", "missing required field: blocks")
	}
	c.blockList("/view/blocks", blocks)
	_, hasSubmit := spec["submit"]
	if !hasSubmit && slices.ContainsFunc(partsOf(blocks), func(p part) bool { return p.input != nil }) {
		c.fault("/view", "missing required field: submit")
	}
	if len(c.faults) > 0 {
		return nil, slackError{word: "invalid_arguments", messages: c.faults}
	}
	return spec, nil
}
