package oncall

import (
	"strings"
	"testing"
	"time"
)

// TestPeersShareOverrides has what is made or removed at one peer hold at the other.
func TestPeersShareOverrides(t *testing.T) {
	path := in(t, "timezone: UTC\nlayers: [{name: l, users: [alex]}]")
	open := func() *Keeper {
		k, err := Open(t.Context(), Options{Path: path, DB: database(t)})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	one, two := open(), open()
	connected := true
	tells := func(k, peer *Keeper) {
		k.Share(func(b []byte) {
			if err := peer.Merge(b); connected && err != nil {
				t.Error(err)
			}
		})
	}
	tells(one, two)
	tells(two, one)
	settle := func() {
		t.Helper()
		for _, k := range []*Keeper{one, two} {
			if err := k.takeIn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	from := time.Now().Truncate(time.Hour).Add(time.Hour)
	add := func(k *Keeper, user string) Override {
		t.Helper()
		o, err := k.Add(t.Context(), Override{Schedule: "primary", User: user, From: from, To: from.Add(2 * time.Hour), Author: "ana"})
		if err != nil {
			t.Fatal(err)
		}
		settle()
		time.Sleep(2 * time.Millisecond) // The one that was made last is on top.
		return o
	}
	want := func(who string) {
		t.Helper()
		for name, k := range map[string]*Keeper{"one": one, "two": two} {
			if got := onCall(k, from.Add(time.Hour)); got != who {
				t.Errorf("by %s %s is on call, want %s", name, got, who)
			}
		}
	}
	add(one, "sam")
	want("sam")
	kim := add(two, "kim")
	want("kim")
	if _, err := two.Remove(t.Context(), kim.ID, "ana", "well again"); err != nil {
		t.Fatal(err)
	}
	settle()
	want("sam")

	// A peer that comes later is told of all, also of what was removed, and nothing twice.
	three := open()
	for range 2 {
		b, err := one.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := three.Merge(b); err != nil {
			t.Fatal(err)
		}
		if err := three.takeIn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := onCall(three, from.Add(time.Hour)); got != "sam" {
		t.Errorf("by the third %s is on call", got)
	}
	if list, err := three.List(t.Context(), from); err != nil || len(list) != 2 || list[1].RemovedBy != "ana" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestUnsoundOverridesOfPeersAreLeftOut(t *testing.T) {
	k, err := Open(t.Context(), Options{Path: in(t, "timezone: UTC\nlayers: [{name: l, users: [alex]}]"), DB: database(t)})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := k.MarshalBinary(); err != nil || string(b) != "null" && string(b) != "[]" {
		t.Errorf("nothing is told as %s, %v", b, err)
	}
	for _, text := range []string{
		`[{}]`,
		`[{"Schedule": "primary", "User": "sam", "Author": "a", "CreatedAt": "2026-01-01T00:00:00Z", "From": "2026-01-02T00:00:00Z", "To": "2026-01-01T00:00:00Z"}]`,
		`[{"Schedule": "primary", "User": "sam", "Author": "a", "CreatedAt": "2026-01-01T00:00:00Z", "From": "2026-01-02T00:00:00Z", "To": "2036-01-01T00:00:00Z"}]`,
		`[{"Schedule": "primary", "User": "sam", "Author": "` + strings.Repeat("a", 501) + `", "CreatedAt": "2026-01-01T00:00:00Z", "From": "2026-01-01T00:00:00Z", "To": "2026-01-02T00:00:00Z"}]`,
		``,
	} {
		if err := k.Merge([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := k.takeIn(t.Context()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := k.Merge([]byte("{")); err == nil {
		t.Error("nonsense is taken")
	}
	if list, err := k.List(t.Context(), time.Time{}); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
