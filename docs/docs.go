// Package docs holds the pages of the documentation that the server shows.
package docs

import _ "embed"

// Primer explains the words of the boards and reports to people who are not engineers, in
// Markdown.
//
//go:embed primer.md
var Primer string
