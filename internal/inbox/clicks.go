package inbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Click is a person using a button, a menu or another element of a message, or of an open view.
type Click struct {
	// Channel, by name or ID, and TS say which message.
	Channel, TS string
	// View is the ID of the open view that is clicked in, instead of a message.
	View string
	// ActionID says which element; BlockID is needed only where several have that action ID.
	ActionID, BlockID string
	// Values are of the options chosen, or the text, date or time entered. A button needs none.
	Values []string
	// User is the ID of who clicks; empty is the first of the directory.
	User string
	// Delay passes before the app is told, and once more before it is told again.
	Delay time.Duration
	// Twice tells the app the same click a second time, as Slack does when it did not see the first answer.
	Twice bool
}

// ErrNoElement is a click on what is not there: a message or view that is gone or belongs to someone else, or an element
// that it does not have.
var ErrNoElement = errors.New("there is no such element")

// Click finds the element, tells the app, and waits for its answer for three seconds. What goes wrong the person is told
// next to the message, and the caller by the error: ErrNoElement, ErrNoApp, ErrTimeout, or what the app answered.
func (b *Inbox) Click(ctx context.Context, c Click) error {
	c.User = b.someone(c.User)
	if c.View != "" {
		return b.clickInView(ctx, c)
	}
	ch, m, err := b.clicked(ctx, c)
	if err != nil {
		return fmt.Errorf("click %s in %s %s: %w", c.ActionID, c.Channel, c.TS, err)
	}
	key := noticeKey{user: c.User, channel: m.channel, ts: m.ts}
	used, err := b.use(key, partsOfMessage(m), c)
	if err != nil {
		return fmt.Errorf("click %s in %s %s: %w", c.ActionID, c.Channel, c.TS, err)
	}
	payload, err := b.messagePayload(ctx, ch, m, c.User)
	if err != nil {
		return fmt.Errorf("click %s in %s %s: %w", c.ActionID, c.Channel, c.TS, err)
	}
	payload["actions"], payload["state"] = []any{used.action}, object{"values": used.values}
	err = b.tell(ctx, payload, c)
	b.board.notice(key, noticeFor(err), b.now())
	b.changes.publish()
	if err != nil {
		return fmt.Errorf("click %s in %s %s: %w", c.ActionID, c.Channel, c.TS, err)
	}
	return nil
}

// someone is the person meant by an ID that may be empty.
func (b *Inbox) someone(id string) string {
	if id == "" {
		return b.people.people[0].ID
	}
	return id
}

// clicked finds the message of a click, if that person sees it.
func (b *Inbox) clicked(ctx context.Context, c Click) (channel, message, error) {
	if _, known := b.people.find(c.User); !known {
		return channel{}, message{}, fmt.Errorf("%s is not in the directory: %w", c.User, ErrNoElement)
	}
	ch, err := b.archive.find(ctx, c.Channel)
	if errors.Is(err, errNoChannel) {
		return channel{}, message{}, fmt.Errorf("no such channel: %w", ErrNoElement)
	}
	if err != nil {
		return channel{}, message{}, err
	}
	ts, ok := parseStamp(c.TS)
	if !ok {
		return channel{}, message{}, fmt.Errorf("%q is no ts: %w", c.TS, ErrNoElement)
	}
	m, err := b.archive.message(ctx, ch.id, ts)
	if errors.Is(err, errNoMessage) || err == nil && m.ephemeral != "" && m.ephemeral != c.User {
		return channel{}, message{}, fmt.Errorf("no such message for %s: %w", c.User, ErrNoElement)
	}
	return ch, m, err
}

// usage is what an app is told of a click: the action, and the state of everything that was entered.
type usage struct {
	action object
	values object
}

// use finds the element among the parts, remembers what was chosen, and describes it.
func (b *Inbox) use(key noticeKey, parts []part, c Click) (usage, error) {
	p, found := findPart(parts, partKey{block: c.BlockID, action: c.ActionID})
	if !found || !p.acts() {
		return usage{}, noElement(parts)
	}
	action := object{}
	if p.holds() || p.kind() == "overflow" {
		entered, problem := p.state(c.Values)
		if problem != "" {
			return usage{}, fmt.Errorf("%q: %s", c.Values, problem)
		}
		action = entered
		if p.holds() {
			b.board.choose(key, p.key, c.Values)
		}
	}
	action["type"], action["action_id"], action["block_id"] = p.kind(), p.key.action, p.key.block
	action["action_ts"] = stampOf(b.now()).String()
	for _, field := range []string{"text", "value", "style", "url", "placeholder", "confirm"} {
		if v, has := p.element[field]; has && (field != "value" || p.kind() == "button") {
			action[field] = v
		}
	}
	return usage{action: action, values: stateValues(parts, b.board.choices(key))}, nil
}

// noElement says what could have been clicked.
func noElement(parts []part) error {
	var there []string
	for _, p := range parts {
		if p.acts() {
			there = append(there, p.key.action)
		}
	}
	if len(there) == 0 {
		return fmt.Errorf("%w: nothing can be clicked there", ErrNoElement)
	}
	return fmt.Errorf("%w: there are %s", ErrNoElement, strings.Join(there, ", "))
}

// choose remembers what a person chose in a message, until it is chosen anew or the program ends.
func (d *switchboard) choose(key noticeKey, which partKey, values []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.chosen) >= maxRemembered {
		clear(d.chosen)
	}
	if d.chosen[key] == nil {
		d.chosen[key] = map[partKey][]string{}
	}
	d.chosen[key][which] = slices.Clone(values)
}

func (d *switchboard) choices(key noticeKey) map[partKey][]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := make(map[partKey][]string, len(d.chosen[key]))
	maps.Copy(found, d.chosen[key])
	return found
}

// interaction is what every payload says.
func (b *Inbox) interaction(kind, user, view string) object {
	p, _ := b.people.find(user)
	return object{
		"type": kind, "api_app_id": appID, "token": "local", "trigger_id": b.board.trigger(user, view, b.now()),
		"user":       object{"id": p.ID, "username": p.handle(), "name": p.handle(), "team_id": teamID},
		"team":       object{"id": teamID, "domain": "local"},
		"enterprise": nil, "is_enterprise_install": false,
	}
}

// messagePayload is a block_actions payload but for its actions and state. As from Slack, that of an ephemeral message
// does not hold the message.
func (b *Inbox) messagePayload(ctx context.Context, ch channel, m message, user string) (object, error) {
	payload := b.interaction("block_actions", user, "")
	container := object{"type": "message", "message_ts": m.ts.String(), "channel_id": ch.id, "is_ephemeral": m.ephemeral != ""}
	if m.thread != 0 {
		container["thread_ts"] = m.thread.String()
	}
	name := ch.name
	if ch.direct() {
		name = "directmessage"
	}
	payload["container"], payload["channel"] = container, object{"id": ch.id, "name": name}
	if m.ephemeral == "" {
		wired, err := b.wireAll(ctx, call{args: map[string]string{"include_all_metadata": "true"}, base: b.board.address(b.external)}, ch, []message{m})
		if err != nil {
			return nil, err
		}
		payload["message"] = wired[0]
	}
	address, err := b.respondAddress(ctx, m, user)
	if err != nil {
		return nil, err
	}
	payload["response_url"] = address
	return payload, nil
}

// tell delivers a click, twice where that is asked for: then the second answer is the one that counts.
func (b *Inbox) tell(ctx context.Context, payload object, c Click) error {
	times := 1
	if c.Twice {
		times = 2
	}
	var err error
	for attempt := range times {
		if !pause(ctx, c.Delay) {
			return ctx.Err()
		}
		_, err = b.deliver(ctx, payload, attempt)
	}
	return err
}
