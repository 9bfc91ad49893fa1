package store

import (
	"context"
	"log/slog"
	"strings"
)

// lockfileIsNormal lowers the TSDB's warning about the lock file of a process
// that was killed: the lock went with that process, and being killed is allowed.
func lockfileIsNormal(logger *slog.Logger) *slog.Logger {
	return slog.New(lockfileHandler{logger.Handler()})
}

type lockfileHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h lockfileHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn && strings.HasPrefix(r.Message, "A lockfile from a previous execution") {
		r.Level = slog.LevelDebug
		if !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h lockfileHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return lockfileHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h lockfileHandler) WithGroup(name string) slog.Handler {
	return lockfileHandler{h.Handler.WithGroup(name)}
}
