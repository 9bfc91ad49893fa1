package zaplog

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestWarningsReachTheLogger(t *testing.T) {
	var text strings.Builder
	handler := slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	var watched []string
	logger := zap.New(NewCore(Options{Logger: slog.New(handler), Watch: func(message string, fields map[string]any) {
		id, _ := fields["otelcol.component.id"].(string)
		watched = append(watched, message+" "+id)
	}})).With(zap.String("otelcol.component.id", "otlp"), zap.Dict("resource", zap.String("service.name", "x")))
	logger.Debug("not looked at")
	logger.Info("listening")
	logger.Warn("slow", zap.Int("queue-length", 3))
	logger.Error("broken", zap.Error(errors.New("disk full")))

	want := "level=WARN msg=slow otelcol_component_id=otlp queue_length=3\nlevel=ERROR msg=broken err=\"disk full\" otelcol_component_id=otlp\n"
	if text.String() != want {
		t.Errorf("logged\n%swant\n%s", text.String(), want)
	}
	if got := strings.Join(watched, ", "); got != "listening otlp, slow otlp, broken otlp" {
		t.Errorf("watched %s", got)
	}
	if err := logger.Sync(); err != nil {
		t.Error(err)
	}
}

func TestWithoutWatcher(t *testing.T) {
	var text strings.Builder
	logger := zap.New(NewCore(Options{Logger: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelError}))}))
	logger.Info("started")
	logger.Warn("below the logger's level")
	if text.Len() != 0 {
		t.Errorf("logged %s", text.String())
	}
}

// Exporters name the address that did not answer as it was configured, with its password.
func TestNoPasswordOfAnAddressIsLogged(t *testing.T) {
	var text strings.Builder
	logger := zap.New(NewCore(Options{Logger: slog.New(slog.NewTextHandler(&text, nil))}))
	const address = "http://u:pass-word@h:1/x"
	logger.Warn("no answer of "+address, zap.Error(errors.New(`Post "`+address+`": refused`)), zap.Strings("tried", []string{address}),
		zap.Dict("more", zap.String("endpoint", "https://token-alone@h/")), zap.Int("n", 3), zap.String("mail", "a@example.org"))
	for _, want := range []string{`no answer of http://<secret>@h:1/x`, `Post \"http://<secret>@h:1/x\": refused`, "n=3", "mail=a@example.org"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s lacks %s", text.String(), want)
		}
	}
	if strings.Contains(text.String(), "pass-word") || strings.Contains(text.String(), "token-alone") {
		t.Errorf("tells a password: %s", text.String())
	}
}
