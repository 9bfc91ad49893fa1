package httpcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// maxBody is how much of an answer is read: enough to see that it flows, not enough to fill memory.
const maxBody = 1 << 20

// answer is what one check found.
type answer struct {
	at       time.Time
	duration time.Duration
	// code is the HTTP status, 0 if there was none.
	code int
	// fault is why the check failed in a few words, empty if it did not.
	fault string
	// certificate is the server's, nil without TLS.
	certificate *x509.Certificate
}

// check asks the target once.
func check(ctx context.Context, client *http.Client, target Target) answer {
	ctx, cancel := context.WithTimeout(ctx, target.Timeout)
	defer cancel()
	begin := time.Now()
	found := ask(ctx, client, target)
	found.at = time.Now()
	found.duration = found.at.Sub(begin)
	return found
}

func ask(ctx context.Context, client *http.Client, target Target) answer {
	req, err := http.NewRequestWithContext(ctx, target.Method, target.Endpoint, strings.NewReader(target.Body))
	if err != nil {
		return answer{fault: "invalid request"}
	}
	for name, value := range target.Headers {
		req.Header.Set(name, string(value))
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{fault: fault(err)}
	}
	defer resp.Body.Close()
	found := answer{code: resp.StatusCode, certificate: certificate(resp.TLS)}
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)); err != nil {
		found.fault = fault(err)
	} else if !target.expects(resp.StatusCode) {
		found.fault = fmt.Sprintf("unexpected status %d", resp.StatusCode)
	}
	return found
}

func certificate(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// fault names the reason of a failed request. The set of names is small: each becomes a series.
func fault(err error) string {
	var (
		dns     *net.DNSError
		invalid *tls.CertificateVerificationError
		netErr  net.Error
	)
	switch {
	case errors.As(err, &dns):
		return "name lookup failed"
	case errors.As(err, &invalid):
		return "certificate not trusted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return "timeout"
	default:
		return "request failed"
	}
}
