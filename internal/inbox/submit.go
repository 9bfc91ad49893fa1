package inbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// required is what Slack says under an input that must not stay empty.
const required = "Please complete this required field."

// Submit fills in a view that is on top of what the person has open, and submits it. Values are by block ID: a text, a
// number, a date, a time, or the values of the options chosen. A block that is not mentioned keeps what it holds.
//
// What is wrong with single inputs, be it that Slack does not take them or that the app said so, is returned by block ID,
// and the view stays open. An error says that the view is not there (ErrNoElement) or that the app did not take it; then,
// too, the view stays open.
func (b *Inbox) Submit(ctx context.Context, viewID string, values map[string][]string, user string) (fieldErrors map[string]string, err error) {
	user = b.someone(user)
	m, err := b.board.viewOfPerson(viewID, user)
	if err != nil {
		return nil, fmt.Errorf("submit: %w", err)
	}
	entered := maps.Clone(m.entered)
	if entered == nil {
		entered = map[partKey][]string{}
	}
	known := map[string]bool{}
	for _, p := range partsOf(m.blocks) {
		if given, has := values[p.key.block]; has && p.holds() {
			entered[p.key], known[p.key.block] = given, true
		}
	}
	for block := range values {
		if !known[block] {
			return nil, fmt.Errorf("submit view %s: it has no input in a block %q: %w", viewID, block, ErrNoElement)
		}
	}
	return b.submit(ctx, m, entered)
}

// submit is Submit once it is known what is entered where.
func (b *Inbox) submit(ctx context.Context, m modal, entered map[partKey][]string) (map[string]string, error) {
	defer b.changes.publish()
	m.entered, m.errors = entered, inputErrors(partsOf(m.blocks), entered)
	if !b.board.replace(m) {
		return nil, fmt.Errorf("submit: view %s was closed: %w", m.id, ErrNoElement)
	}
	if len(m.errors) > 0 {
		return m.errors, nil
	}
	payload := b.interaction("view_submission", m.user, m.id)
	payload["view"], payload["response_urls"], payload["hash"] = m.wire(), []any{}, m.hash
	reply, err := b.deliver(ctx, payload, 0)
	if err == nil {
		m.errors, err = b.react(ctx, m, reply)
	}
	if err != nil {
		m.errors = map[string]string{"": trouble}
		b.board.replace(m)
		return nil, fmt.Errorf("submit view %s: %w", m.id, err)
	}
	return m.errors, nil
}

// inputErrors is what Slack itself refuses to send.
func inputErrors(parts []part, entered map[partKey][]string) map[string]string {
	var found map[string]string
	for _, p := range parts {
		if !p.holds() {
			continue
		}
		given, ok := entered[p.key]
		if !ok {
			given = p.initial()
		}
		s, problem := p.state(given)
		if problem == "" && p.required() && emptyState(s) {
			problem = required
		}
		if problem != "" {
			if found == nil {
				found = map[string]string{}
			}
			found[p.key.block] = problem
		}
	}
	return found
}

// answerToView is what an app may answer to a submission.
type answerToView struct {
	Action string            `json:"response_action"`
	Errors map[string]string `json:"errors"`
	View   json.RawMessage   `json:"view"`
}

// react does what the app's answer says: nothing closes the view.
func (b *Inbox) react(ctx context.Context, m modal, reply []byte) (map[string]string, error) {
	var a answerToView
	if reply = bytes.TrimSpace(reply); len(reply) > 0 {
		if err := json.Unmarshal(reply, &a); err != nil {
			return nil, fmt.Errorf("read the app's answer: %w", err)
		}
	}
	switch a.Action {
	case "":
		b.board.pop(m)
	case "clear":
		b.board.clear(m.user)
	case "errors":
		return b.showErrors(m, a.Errors)
	case "update", "push":
		spec, err := b.checkView(ctx, string(a.View))
		if err != nil {
			return nil, fmt.Errorf("the app answers with a view that Slack does not show: %w", err)
		}
		return nil, b.showNext(m, a.Action, spec)
	default:
		return nil, fmt.Errorf("the app answers with response_action %q; there are errors, update, push and clear", a.Action)
	}
	return nil, nil
}

// showErrors shows an app's errors under its inputs. As on Slack, only input blocks can have one.
func (b *Inbox) showErrors(m modal, wrong map[string]string) (map[string]string, error) {
	inputs := map[string]bool{}
	for _, p := range partsOf(m.blocks) {
		inputs[p.key.block] = inputs[p.key.block] || p.input != nil
	}
	var strays []string
	for block := range wrong {
		if !inputs[block] {
			strays = append(strays, block)
		}
	}
	if len(strays) > 0 || len(wrong) == 0 {
		return nil, fmt.Errorf("the app answers with errors for blocks that are no inputs of the view: %q", strings.Join(strays, ", "))
	}
	m.errors = wrong
	if !b.board.replace(m) {
		return nil, fmt.Errorf("the view was closed meanwhile: %w", ErrNoElement)
	}
	return wrong, nil
}

// showNext replaces the view, or puts another on top of it.
func (b *Inbox) showNext(m modal, action string, spec object) error {
	d := b.board
	d.mu.Lock()
	if action == "push" {
		defer d.mu.Unlock()
		_, err := d.pushLocked(m.user, spec)
		return err
	}
	m = m.with(spec)
	m.hash, m.entered = d.hashLocked(), nil
	d.mu.Unlock()
	if !d.replace(m) {
		return fmt.Errorf("the view was closed meanwhile: %w", ErrNoElement)
	}
	return nil
}

// CloseView closes the view that is on top of what the person has open, or all of them if it says so, without submitting.
// An app that asked for it is told; that it does not take the news is an error, and the view is closed all the same.
func (b *Inbox) CloseView(ctx context.Context, viewID, user string) error {
	m, err := b.board.viewOfPerson(viewID, b.someone(user))
	if err != nil {
		return fmt.Errorf("close view: %w", err)
	}
	if m.flag("clear_on_close") {
		b.board.clear(m.user)
	} else {
		b.board.pop(m)
	}
	b.changes.publish()
	if !m.flag("notify_on_close") {
		return nil
	}
	payload := b.interaction("view_closed", m.user, "")
	delete(payload, "trigger_id")
	payload["view"], payload["is_cleared"] = m.wire(), m.flag("clear_on_close")
	if _, err := b.deliver(ctx, payload, 0); err != nil {
		return fmt.Errorf("close view %s: %w", viewID, err)
	}
	return nil
}

// clickInView is Click for what stands in a view.
func (b *Inbox) clickInView(ctx context.Context, c Click) error {
	m, err := b.board.viewOfPerson(c.View, c.User)
	if err != nil {
		return fmt.Errorf("click %s: %w", c.ActionID, err)
	}
	used, err := b.use(noticeKey{user: c.User, channel: m.id}, partsOf(m.blocks), c)
	if err != nil {
		return fmt.Errorf("click %s in view %s: %w", c.ActionID, c.View, err)
	}
	if p, found := findPart(partsOf(m.blocks), partKey{block: c.BlockID, action: c.ActionID}); found && p.holds() {
		m.entered = maps.Clone(m.entered)
		if m.entered == nil {
			m.entered = map[partKey][]string{}
		}
		m.entered[p.key] = c.Values
		b.board.replace(m)
	}
	payload := b.interaction("block_actions", c.User, m.id)
	payload["container"], payload["view"], payload["actions"] = object{"type": "view", "view_id": m.id}, m.wire(), []any{used.action}
	err = b.tell(ctx, payload, c)
	if err != nil {
		m.errors = map[string]string{"": noticeFor(err)}
		b.board.replace(m)
	}
	b.changes.publish()
	if err != nil {
		return fmt.Errorf("click %s in view %s: %w", c.ActionID, c.View, err)
	}
	return nil
}
