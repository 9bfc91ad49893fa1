package selfwatch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	commoncfg "github.com/prometheus/common/config"
)

const (
	maxRedirects = 3
	// maxAnswer bounds what is read of an answer, to use its connection again.
	maxAnswer = 16 << 10
)

// heart is the heartbeat. The state is guarded by Watch.mu.
type heart struct {
	conf   Heartbeat
	client *http.Client
	agent  string

	sentAt  time.Time
	trouble string
}

// newClient builds the client of a heartbeat. It follows redirects on the same host
// only: the address is a secret, and another host would get it as a referrer, or what
// authorizes the request.
func newClient(h Heartbeat) (*http.Client, error) {
	// Proxies of the environment are used as everywhere, unless the file names one.
	if h.HTTPConfig.ProxyURL.URL == nil {
		h.HTTPConfig.ProxyFromEnvironment = true
	}
	client, err := commoncfg.NewClientFromConfig(h.HTTPConfig, "heartbeat")
	if err != nil {
		return nil, err
	}
	follow := h.HTTPConfig.FollowRedirects
	client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if !follow || len(via) > maxRedirects || next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
			return http.ErrUseLastResponse
		}
		next.Header.Del("Referer")
		return nil
	}
	return client, nil
}

// beat sends a beat every interval while every check is ok, until ctx ends. When they
// are ok again after a while, the next beat is sent at once: somebody is alarmed.
func (w *Watch) beat(ctx context.Context) {
	interval := time.Duration(w.heart.conf.Interval)
	var last time.Time
	due := time.NewTimer(interval)
	defer due.Stop()
	for {
		if wait := interval - time.Since(last); wait > 0 {
			due.Reset(wait)
		} else {
			if w.healthy() {
				last = time.Now()
				w.send(ctx)
				continue
			}
			due.Reset(interval)
		}
		select {
		case <-ctx.Done():
			return
		case <-due.C:
		case <-w.changed:
		}
	}
}

// send sends one beat and writes down what became of it.
func (w *Watch) send(ctx context.Context) {
	err := w.heart.send(ctx)
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	before := w.heart.trouble
	w.heart.trouble = ""
	if err != nil {
		w.heart.trouble = err.Error()
	} else {
		w.heart.sentAt = time.Now()
	}
	now := w.heart.trouble
	w.mu.Unlock()
	if err != nil {
		w.metrics.beats.WithLabelValues("failed").Inc()
	} else {
		w.metrics.beats.WithLabelValues("ok").Inc()
		w.metrics.beatAt.SetToCurrentTime()
	}
	switch {
	case now != "" && before == "":
		w.logger.Warn("the heartbeat is not taken, the next one is sent as usual", "err", now)
	case now == "" && before != "":
		w.logger.Info("the heartbeat is taken again")
	}
}

// send sends one beat. The error holds no part of the address.
func (h *heart) send(ctx context.Context) error {
	address, err := h.conf.ReadURL()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(h.conf.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, h.conf.Method, address, http.NoBody)
	if err != nil {
		return errors.New("the address cannot be used")
	}
	req.Header.Set("User-Agent", h.agent)
	resp, err := h.client.Do(req)
	if err != nil {
		return cause(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	// Only to use the connection again: what the answer says is of no use.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode/100 == 3:
		return fmt.Errorf("the heartbeat's address answers HTTP %d and leads elsewhere: configure the address it leads to", resp.StatusCode)
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("the heartbeat's address answers HTTP %d", resp.StatusCode)
	}
	return nil
}

// cause says why there was no answer. The library's own texts hold the address, or what
// the other side said: only what is known to hold neither is passed on.
func cause(ctx context.Context, err error) error {
	const lead = "no answer to the heartbeat: "
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("the heartbeat's address did not answer in time")
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New(lead + "its host cannot be looked up: " + lookup.Err)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errors.New(lead + "its certificate is not trusted; name the authority in http_config.tls_config.ca_file")
	}
	if system, ok := errors.AsType[syscall.Errno](err); ok {
		return errors.New(lead + system.Error())
	}
	return errors.New(lead + "what came back is no HTTP that makes sense; check the address and its proxy")
}
