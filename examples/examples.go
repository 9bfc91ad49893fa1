// Package examples holds complete configurations as files; `watchtower init`
// writes the one for an app backend into a folder of the user's.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed app-backend
var files embed.FS

// AppBackend is the configuration for the backend of an app: watchtower.yaml and
// the files it names, with paths relative to watchtower.yaml.
func AppBackend() (fs.FS, error) { return fs.Sub(files, "app-backend") }
