package slack

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"
	commoncfg "github.com/prometheus/common/config"
	slackapi "github.com/slack-go/slack"
)

// ownWorkspace is the id of the workspace that Options name.
const ownWorkspace = "own"

// Slack takes a few hundred messages a minute from one app, over all channels.
const (
	workspaceInterval = 200 * time.Millisecond
	workspaceBurst    = 20
)

// workspace is an API to call, and with which token.
type workspace struct {
	// id is kept in the database: it names the workspace over restarts, and
	// holds no secret.
	id     string
	apiURL string // ends in /
	client *http.Client
	token  func() (string, error)
	hidden []string // parts of apiURL that no error may hold
	// proxy is that of http_config; nil: the environment's.
	proxy  func(*http.Request) (*url.URL, error)
	bucket *bucket // guarded by outbox.mu
}

func newWorkspace(id, apiURL string, client *http.Client, token func() (string, error)) *workspace {
	w := &workspace{
		id: id, apiURL: apiURL, client: client, token: token,
		bucket: newBucket(workspaceInterval, workspaceBurst),
	}
	if u, err := url.Parse(apiURL); err == nil && u.User != nil {
		password, _ := u.User.Password()
		w.hidden = []string{u.User.String(), password}
	}
	return w
}

// base returns an API URL in the form that slack-go wants.
func base(apiURL string) string {
	if apiURL == "" {
		return slackapi.APIURL
	}
	return strings.TrimRight(apiURL, "/") + "/"
}

func constant(token string) func() (string, error) {
	return func() (string, error) { return token, nil }
}

// fromFile reads a token at each use, so that it can be rotated.
func fromFile(path string) func() (string, error) {
	return func() (string, error) {
		raw, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read Slack token: %w", err)
		}
		return strings.TrimSpace(string(raw)), nil
	}
}

// destination is where a slack_config sends: a workspace, or an incoming webhook.
type destination struct {
	workspace *workspace
	webhook   string
}

// destinationOf reads api_url, app_token and http_config as Alertmanager does.
func (s *Slack) destinationOf(conf *amconfig.SlackConfig) (destination, error) {
	apiURL, err := urlOf(conf)
	if err != nil {
		return destination{}, err
	}
	token, tokenID := tokenOf(conf)
	if apiURL == "" && token == nil {
		return s.ownVia(conf)
	}
	const method = "chat.postMessage"
	if apiURL == "" {
		apiURL = slackapi.APIURL + method
	}
	root, isAPI := strings.CutSuffix(strings.TrimRight(apiURL, "/"), "/"+method)
	if !isAPI {
		return destination{webhook: apiURL}, nil
	}
	root += "/"
	if token == nil && root == s.ownWorkspace.apiURL {
		return s.ownVia(conf)
	}
	if token == nil {
		return destination{}, errors.New("slack_configs: api_url is Slack's Web API, which needs a token: set app_token, app_token_file, or http_config.authorization")
	}
	client, err := clientOf(conf)
	if err != nil {
		return destination{}, err
	}
	return destination{workspace: newWorkspace(tokenID+"@"+withoutUser(root), root, client, token)}, nil
}

// withoutUser drops the user and password of a URL.
func withoutUser(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// ownVia is the workspace of Options, through the proxy of http_config if it names
// one; where several slack_configs differ in that, the last one holds for all.
func (s *Slack) ownVia(conf *amconfig.SlackConfig) (destination, error) {
	ws := s.ownWorkspace
	if plainHTTP(conf.HTTPConfig) || isLocal(ws.apiURL) {
		return destination{workspace: ws}, nil
	}
	client, err := clientOf(conf)
	if err != nil {
		return destination{}, err
	}
	through := newWorkspace(ws.id, ws.apiURL, client, ws.token)
	if conf.HTTPConfig.ProxyURL.URL != nil || conf.HTTPConfig.ProxyFromEnvironment {
		through.proxy = conf.HTTPConfig.Proxy()
	}
	return destination{workspace: through}, nil
}

// plainHTTP reports that an http_config changes nothing.
func plainHTTP(c *commoncfg.HTTPClientConfig) bool {
	return c == nil || reflect.DeepEqual(*c, commoncfg.DefaultHTTPClientConfig) || reflect.DeepEqual(*c, commoncfg.HTTPClientConfig{})
}

func isLocal(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func urlOf(conf *amconfig.SlackConfig) (string, error) {
	if conf.APIURL != nil && conf.APIURL.URL != nil {
		// SecretURL.String hides the URL; the URL inside does not.
		u := conf.APIURL.URL
		return u.String(), nil
	}
	if conf.APIURLFile == "" {
		return "", nil
	}
	raw, err := os.ReadFile(conf.APIURLFile)
	if err != nil {
		return "", fmt.Errorf("read slack_configs.api_url_file: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// tokenOf returns the token of a slack_config, nil without one, and a name for
// it that may be stored.
func tokenOf(conf *amconfig.SlackConfig) (token func() (string, error), id string) {
	var auth commoncfg.Authorization
	if conf.HTTPConfig != nil && conf.HTTPConfig.Authorization != nil {
		auth = *conf.HTTPConfig.Authorization
	}
	for _, file := range []string{conf.AppTokenFile, auth.CredentialsFile} {
		if file != "" {
			return fromFile(file), "file:" + file
		}
	}
	for _, secret := range []string{string(conf.AppToken), string(auth.Credentials)} {
		if secret != "" {
			sum := sha256.Sum256([]byte(secret))
			return constant(secret), "token:" + hex.EncodeToString(sum[:6])
		}
	}
	return nil, ""
}

// clientOf builds the HTTP client of http_config. slack-go sends the token
// itself, so it is not set here a second time.
func clientOf(conf *amconfig.SlackConfig) (*http.Client, error) {
	if conf.HTTPConfig == nil {
		return &http.Client{}, nil
	}
	c := *conf.HTTPConfig
	c.Authorization = nil
	client, err := commoncfg.NewClientFromConfig(c, "slack")
	if err != nil {
		return nil, fmt.Errorf("build slack_configs.http_config: %w", err)
	}
	return client, nil
}
