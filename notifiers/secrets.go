package notifiers

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"

	amcommon "github.com/prometheus/alertmanager/config/common"
	commoncfg "github.com/prometheus/common/config"
)

const (
	// redacted stands where a secret was.
	redacted = "<secret>"
	// minSecret is the length from which on a secret is looked for in texts: shorter ones are parts of ordinary words.
	minSecret = 4
	// maxSecretFile bounds what is read of a file that holds a secret.
	maxSecretFile = 64 << 10
)

// secrets are what a configuration holds that must not be told.
type secrets struct {
	texts []string // Sorted, without duplicates.
	users []string // Users of URLs with their passwords, as user:password.
	files []string // Paths of files that hold one each. They are read anew each time: they may change.
}

// secretsIn returns the secrets written out in a configuration, sorted.
func secretsIn(config any) []string { return collectSecrets(config).texts }

// collectSecrets finds all values of the types that Prometheus and Alertmanager mask when they show a configuration, the
// passwords of URLs, and the paths of files that hold such values.
func collectSecrets(config any) secrets {
	var s secrets
	s.walk(reflect.ValueOf(config))
	for _, list := range []*[]string{&s.texts, &s.files} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return s
}

func (s *secrets) walk(v reflect.Value) {
	if !v.IsValid() {
		return
	}
	if v.CanInterface() {
		switch c := v.Interface().(type) {
		case commoncfg.Secret:
			s.add(string(c))
			return
		case amcommon.SecretTemplateURL:
			s.addURL(string(c))
			return
		case amcommon.SecretURL:
			if c.URL != nil {
				s.addURL(c.String())
			}
			return
		case url.URL:
			if password, ok := c.User.Password(); ok {
				s.add(password)
				s.users = append(s.users, c.User.String())
			}
			return
		case commoncfg.BasicAuth:
			s.add(base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + string(c.Password))))
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		s.walk(v.Elem())
	case reflect.Struct:
		s.walkStruct(v)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			s.walk(v.Index(i))
		}
	case reflect.Map:
		for _, value := range v.Seq2() {
			s.walk(value)
		}
	default:
	}
}

func (s *secrets) walkStruct(v reflect.Value) {
	for f, field := range v.Fields() {
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if field.Kind() == reflect.String && holdsSecret(name) && field.String() != "" {
			s.files = append(s.files, field.String())
			continue
		}
		if name == "files" { // Of http_headers.
			if paths, ok := reflect.TypeAssert[[]string](field); ok {
				s.files = append(s.files, paths...)
			}
		}
		s.walk(field)
	}
}

// holdsSecret reports whether a key names a file with a secret in it. Keys and certificates are files of another kind:
// they are never part of a request.
func holdsSecret(key string) bool {
	return strings.HasSuffix(key, "_file") && !slices.Contains([]string{"ca_file", "cert_file", "key_file", "username_file", "chat_id_file"}, key)
}

func (s *secrets) add(text string) {
	if text != "" && text != redacted {
		s.texts = append(s.texts, text)
	}
}

// addURL adds a URL that is secret as a whole, and what of it may appear alone: path, query, password, and the fixed
// parts around the placeholders of a template.
func (s *secrets) addURL(text string) {
	s.add(text)
	for i, fixed := range splitTemplate(text) {
		if i > 0 {
			s.add(fixed)
			continue
		}
		u, err := url.Parse(fixed)
		if err != nil {
			continue
		}
		if strings.Trim(u.Path, "/") != "" {
			s.add(u.EscapedPath())
			s.add(u.Path)
			s.add(strings.Trim(u.Path, "/"))
		}
		s.add(u.RawQuery)
		for _, values := range u.Query() {
			for _, value := range values {
				s.add(value)
			}
		}
		s.walk(reflect.ValueOf(*u))
	}
}

// maskPasswords returns what replaces the passwords of URLs in a configuration as Go does. The result can still be read
// as a configuration.
func maskPasswords(config any) *strings.Replacer {
	var pairs []string
	users := collectSecrets(config).users
	slices.SortFunc(users, longestFirst)
	for _, user := range users {
		name, _, _ := strings.Cut(user, ":")
		pairs = append(pairs, "//"+user+"@", "//"+name+":xxxxx@")
	}
	return strings.NewReplacer(pairs...)
}

// splitTemplate returns the parts of a text outside of {{ }}.
func splitTemplate(text string) []string {
	var parts []string
	for {
		before, rest, found := strings.Cut(text, "{{")
		parts = append(parts, before)
		if !found {
			return parts
		}
		if _, text, found = strings.Cut(rest, "}}"); !found {
			return parts
		}
	}
}

// redact returns text without the secrets, also where they are escaped as in a URL or in JSON.
func (s secrets) redact(text string) string {
	if len(s.texts) == 0 && len(s.files) == 0 {
		return text
	}
	forms := map[string]bool{}
	for _, secret := range s.present() {
		if len(secret) < minSecret {
			continue
		}
		quoted, err := json.Marshal(secret)
		if err == nil {
			forms[string(quoted[1:len(quoted)-1])] = true
		}
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			forms[form] = true
		}
	}
	var pairs []string
	for _, form := range slices.SortedFunc(maps.Keys(forms), longestFirst) {
		pairs = append(pairs, form, redacted)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// longestFirst orders texts so that none is replaced before a longer one that contains it.
func longestFirst(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) }

// present returns all secrets, those in files as they are now.
func (s secrets) present() []string {
	all := secrets{texts: slices.Clone(s.texts)}
	for _, path := range s.files {
		if text := readSecretFile(path); text != "" {
			all.addURL(text)
		}
	}
	return all.texts
}

// readSecretFile returns what a file holds, nothing if it cannot be read: the integration says that in its own error.
func readSecretFile(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// hide returns err without secrets in its text. What it wraps stays reachable for errors.Is and errors.As.
func (s secrets) hide(err error) error {
	if err == nil {
		return nil
	}
	text := s.redact(err.Error())
	if text == err.Error() {
		return err
	}
	return &hiddenError{text: text, err: err}
}

// hiddenError is an error whose text had a secret in it.
type hiddenError struct {
	text string
	err  error
}

// Error implements error.
func (e *hiddenError) Error() string { return e.text }

// Unwrap gives errors.Is and errors.As what is hidden.
func (e *hiddenError) Unwrap() error { return e.err }
