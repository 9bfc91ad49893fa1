// Package incidents keeps what happened: from the first alert of a group to the end
// of the last, with everything that people and Watchtower did in between.
//
// # Words
//
// An incident is the life of one alert group: it opens when the group fires and is
// resolved when nothing in it fires any more; fires it again later, that is another
// incident. An event is one thing that happened to it: an alert fired, somebody
// acknowledged, a message was sent, a deploy went out. The log is the set of all
// events. An incident is what its events add up to: nothing about it is kept that
// cannot be read from them.
//
// # A set of events
//
// An event never changes and has an ID that is a function of what happened, or random
// where it happened once. So the log may be told the same event twice, by a retry or
// by a peer, in any order: the incident is the same. Peers of a cluster exchange
// events and hold the same log.
package incidents
