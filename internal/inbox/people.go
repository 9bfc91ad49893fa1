package inbox

import (
	"context"
	"slices"
	"strings"
	"unicode"
)

// Person is someone who reads the inbox and clicks in it.
type Person struct {
	ID   string // as U0PRIYA
	Name string // as Priya Shah
}

// defaultPeople are those of an inbox that was given none.
func defaultPeople() []Person {
	return []Person{{ID: "U0YOU", Name: "You"}, {ID: "U0SAM", Name: "Sam"}}
}

// directory is who and which groups there are. It does not change.
type directory struct {
	people []Person
	// open is a directory that nobody wrote: every well-formed ID is someone.
	open   bool
	groups []group
}

// group is a user group: a handle and its members' IDs.
type group struct {
	id, handle string
	members    []string
}

func newDirectory(people []Person, groups map[string][]string) directory {
	d := directory{people: slices.Clone(people)}
	if len(people) == 0 {
		d.people, d.open = defaultPeople(), true
	}
	for handle, members := range groups {
		handle = strings.TrimPrefix(handle, "@")
		id := handle
		if !isGroup(handle) {
			id = hashedID("S0", handle)
		}
		d.groups = append(d.groups, group{id: id, handle: handle, members: slices.Clone(members)})
	}
	slices.SortFunc(d.groups, func(a, b group) int { return strings.Compare(a.handle, b.handle) })
	return d
}

// find returns the person of that ID. Nobody else clicks, or gets messages of their own.
func (d directory) find(id string) (Person, bool) {
	if i := slices.IndexFunc(d.people, func(p Person) bool { return p.ID == id }); i >= 0 {
		return d.people[i], true
	}
	return Person{ID: id, Name: id}, d.open && isUser(id)
}

// name is what a user is called: a person, the bot, or else the ID.
func (d directory) name(id string) string {
	if id == botUser {
		return botName
	}
	p, _ := d.find(id)
	return p.Name
}

// groupName is a group's handle, or its ID when there is no such group.
func (d directory) groupName(id string) string {
	if i := slices.IndexFunc(d.groups, func(g group) bool { return g.id == id }); i >= 0 {
		return d.groups[i].handle
	}
	return id
}

// handle is the name a person logs in by: small letters, digits, dots.
func (p Person) handle() string {
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsLetter(c) || unicode.IsDigit(c) || c == '-' || c == '_':
			return unicode.ToLower(c)
		case unicode.IsSpace(c) || c == '.':
			return '.'
		}
		return -1
	}, p.Name)
}

func (d directory) wire(id string) (map[string]any, error) {
	p, known := d.find(id)
	if id == botUser {
		p, known = Person{ID: id, Name: botName}, true
	}
	if !known {
		return nil, refuse("user_not_found")
	}
	return map[string]any{
		"id": id, "team_id": teamID, "name": p.handle(), "real_name": p.Name, "deleted": false, "is_bot": id == botUser, "tz": "UTC",
		"profile": map[string]any{"real_name": p.Name, "real_name_normalized": p.Name, "display_name": p.Name, "display_name_normalized": p.Name, "team": teamID},
	}, nil
}

func (b *Inbox) usersInfo(_ context.Context, c call) (map[string]any, error) {
	user, err := b.people.wire(c.args["user"])
	if err != nil {
		return nil, err
	}
	return map[string]any{"user": user}, nil
}

// usersList returns everyone in one page: a directory is small.
func (b *Inbox) usersList(_ context.Context, _ call) (map[string]any, error) {
	ids := []string{botUser}
	for _, p := range b.people.people {
		ids = append(ids, p.ID)
	}
	members := make([]map[string]any, 0, len(ids))
	for _, id := range ids {
		user, err := b.people.wire(id)
		if err != nil {
			return nil, err
		}
		members = append(members, user)
	}
	return map[string]any{
		"members": members, "cache_ts": b.now().Unix(), "response_metadata": map[string]any{"next_cursor": ""},
	}, nil
}

func (b *Inbox) usergroupsList(_ context.Context, c call) (map[string]any, error) {
	found := make([]map[string]any, 0, len(b.people.groups))
	for _, g := range b.people.groups {
		w := map[string]any{
			"id": g.id, "team_id": teamID, "is_usergroup": true, "is_subteam": true, "name": g.handle, "handle": g.handle, "description": "",
			"is_external": false, "date_create": 0, "date_update": 0, "date_delete": 0, "created_by": botUser, "updated_by": botUser,
			"prefs": map[string]any{"channels": []string{}, "groups": []string{}},
		}
		if c.flag("include_count") {
			w["user_count"] = len(g.members)
		}
		if c.flag("include_users") {
			w["users"] = g.members
		}
		found = append(found, w)
	}
	return map[string]any{"usergroups": found}, nil
}

func (b *Inbox) usergroupsUsersList(_ context.Context, c call) (map[string]any, error) {
	i := slices.IndexFunc(b.people.groups, func(g group) bool { return g.id == c.args["usergroup"] })
	if i < 0 {
		return nil, refuse("no_such_subteam")
	}
	return map[string]any{"users": b.people.groups[i].members}, nil
}
