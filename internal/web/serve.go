package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// How long a client may take, and how long open requests may after the context ended.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 5 * time.Second
)

// Serve serves h on l until ctx ends, with the TLS and the basic auth that configFile asks for (empty: neither). It closes l
// and returns when every request has been answered or has had a few seconds to. The error is nil if ctx ended.
func Serve(ctx context.Context, l net.Listener, h http.Handler, configFile string, logger *slog.Logger) error {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- toolkit.Serve(l, server, &toolkit.FlagConfig{WebConfigFile: &configFile}, logger) }()
	select {
	case err := <-served:
		if closing := l.Close(); !errors.Is(closing, net.ErrClosed) {
			err = errors.Join(err, closing)
		}
		return fmt.Errorf("serve web on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		// Streams that never end by themselves are cut off.
		if err := server.Close(); err != nil {
			logger.Warn("close connections", "err", err)
		}
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		logger.Warn("serve web", "err", err)
	}
	return nil
}
