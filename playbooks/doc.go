// Package playbooks keeps what to do when an alert fires: Markdown files that
// a person can follow at three in the morning, found by the alert's labels.
//
// # The file
//
// A playbook is one Markdown file with YAML front matter:
//
//	---
//	id: share-errors                # the name in links and labels: a-z, 0-9, -
//	title: Sharing a post fails     # what is broken, in the users' words
//	owner: team-share               # who keeps it true
//	reviewed: 2026-11-02            # when somebody last followed it
//	match:                          # which alerts it is for
//	  - {service: share, slo: availability}
//	  - {alertname: "=~Share.*Errors"}
//	---
//	## Impact
//	People see "could not share" when they post.
//
//	## Check
//	1. …
//
// id, title and owner are required. Unknown keys, keys given twice, a bad date
// and a bad regular expression are refused, each with file and line, and the
// other playbooks stay usable. Sections are headings of level two (`## Check`);
// Impact, Check, Mitigate, Escalate and Communicate are the ones that pages,
// Slack and the web show. Steps are the items of the numbered lists in Check
// and Mitigate. A link to another playbook is a link to its file
// (`[the database](database-saturation.md#mitigate)`); it has to resolve, as have
// links to headings of the same text and to files beside it.
//
// $service, $slo and other label names with a dollar are filled in from the alert
// (see Playbook.Fill), so that queries and commands are ready to be pasted; a
// shell takes the same text when the variable is set. Words in capitals, like
// FLAGS_URL, are for a person to fill in: copy the embedded file into your own
// folder and write your places there once.
//
// A code block with the info string promql is a query that is asked when the page is
// sent (see Playbook.Evaluate): the page shows its answer, a value or the five largest.
// Whoever wants others, or fewer, writes bottomk or topk.
//
// # Which playbook an alert gets
//
// match is one set of labels or a list of such sets; a set matches when every
// label in it does, a playbook matches when one of its sets does. A value is
// compared as it is; a value that begins with `=~` is a regular expression
// (RE2) that has to match the whole label value. A label that is absent or
// empty never matches, not even `=~.*`. Negation is not offered.
//
// An alert that names a playbook in its label `playbook` gets that one. Among
// several that match, the first difference in this list decides:
//
//  1. a playbook of yours before an embedded one, and before a copy of an embedded
//     one whose match was left as it is;
//  2. more matched labels (of the best set of each);
//  3. more of them compared exactly, not by regular expression;
//  4. the id, in alphabetical order.
//
// # The embedded library
//
// The files in library/ are compiled in and answer for the usual failures of
// an app's backend, so that no page is without a playbook on the first day. A
// file of yours with the same id replaces the embedded one.
package playbooks
