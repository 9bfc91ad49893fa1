// Package zaplog sends the log of a library that uses zap to a slog.Logger.
package zaplog

import (
	"context"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.uber.org/zap/zapcore"
)

// Options of a core.
type Options struct {
	// Logger receives what is at least a warning.
	Logger *slog.Logger
	// Watch, if not nil, sees every entry from info on, with all its fields.
	Watch func(message string, fields map[string]any)
}

// NewCore gives a zap core that writes warnings and errors to the logger.
func NewCore(options Options) zapcore.Core {
	return &core{options: options}
}

type core struct {
	options Options
	fields  []zapcore.Field
}

// Enabled says which levels are looked at.
func (*core) Enabled(level zapcore.Level) bool { return level >= zapcore.InfoLevel }

// With gives a core that adds fields to every entry.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{options: c.options, fields: slices.Concat(c.fields, fields)}
}

// Check adds the core to an entry it looks at.
func (c *core) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Sync does nothing: the logger does not buffer.
func (*core) Sync() error { return nil }

// Write shows the entry to the watcher and, from warnings on, sends it to the logger.
func (c *core) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	logged := entry.Level >= zapcore.WarnLevel
	if !logged && c.options.Watch == nil {
		return nil
	}
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range slices.Concat(c.fields, fields) {
		field.AddTo(encoder)
	}
	if c.options.Watch != nil {
		c.options.Watch(entry.Message, encoder.Fields)
	}
	ctx, handler, level := context.Background(), c.options.Logger.Handler(), slogLevel(entry.Level)
	if !logged || !handler.Enabled(ctx, level) {
		return nil
	}
	record := slog.NewRecord(entry.Time, level, hide(entry.Message), 0)
	for _, key := range slices.Sorted(maps.Keys(encoder.Fields)) {
		// The resource is the program itself: the same on every line.
		if key == "resource" {
			continue
		}
		record.AddAttrs(slog.Any(snakeCase(key), hidden(encoder.Fields[key])))
	}
	return handler.Handle(ctx, record)
}

// userinfo is what stands in an address before its host: a user and a password, or a token.
var userinfo = regexp.MustCompile(`(\w://)[^\s/@"']+@`)

// hide takes users and passwords out of the addresses in a text: exporters name the address that did not answer as it was
// configured.
func hide(text string) string { return userinfo.ReplaceAllString(text, "${1}<secret>@") }

// hidden does the same to a field, however deep its texts are.
func hidden(field any) any {
	switch f := field.(type) {
	case string:
		return hide(f)
	case []any:
		all := make([]any, len(f))
		for i, v := range f {
			all[i] = hidden(v)
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(f))
		for k, v := range f {
			all[k] = hidden(v)
		}
		return all
	default:
		return field
	}
}

func slogLevel(level zapcore.Level) slog.Level {
	if level >= zapcore.ErrorLevel {
		return slog.LevelError
	}
	return slog.LevelWarn
}

func snakeCase(key string) string {
	if key == "error" {
		return "err"
	}
	return strings.NewReplacer(".", "_", "-", "_", " ", "_").Replace(key)
}
