package dashboards

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/fnv"
	"regexp"
	"strings"
)

const (
	overviewUID  = "wt-overview"
	generatedPfx = "wt-" // of every UID that is ours
	servicePfx   = "wt-svc-"
	objectivePfx = "wt-slo-"
	// maxUID is Grafana's limit.
	maxUID = 40
	// hashLen hex digits of SHA-256 tell names apart that look alike in a URL.
	hashLen = 10
)

var (
	// plainName may stand in a UID as it is.
	plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	// hashedName looks like one that serviceUID made.
	hashedName = regexp.MustCompile(`-[0-9a-f]{10}$`)
	notPlain   = regexp.MustCompile(`[^a-z0-9_-]+`)
)

// serviceUID is the UID of a service's dashboard: the name itself where it is
// short and plain, else as much of it as fits and a hash. No two services share
// one: a plain name that ends like a hash is hashed as well.
func serviceUID(service string) string { return uidOf(servicePfx, service) }

// objectiveUID is the UID of an objective's dashboard, as serviceUID makes it.
func objectiveUID(id string) string { return uidOf(objectivePfx, id) }

func uidOf(prefix, name string) string {
	if plainName.MatchString(name) && len(prefix+name) <= maxUID && !hashedName.MatchString(name) {
		return prefix + name
	}
	sum := sha256.Sum256([]byte(name))
	slug := strings.Trim(notPlain.ReplaceAllString(strings.ToLower(name), "-"), "-")
	slug = slug[:min(len(slug), maxUID-len(prefix)-hashLen-1)]
	return prefix + slug + "-" + hex.EncodeToString(sum[:])[:hashLen]
}

// panelIDs gives out panel ids. An id follows from the panel's key alone, so
// that other panels may come and go.
type panelIDs struct{ taken map[uint32]bool }

func (ids panelIDs) next(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash never returns an error
	id := h.Sum32() >> 1        // Grafana keeps ids as signed numbers
	for id == 0 || ids.taken[id] {
		id++
	}
	ids.taken[id] = true
	return id
}
