package catalog

import "time"

// Role is the type of a domain, fixed at its creation.
type Role string

// The two types of domains (LiveDomainType in the public API).
const (
	Ingest    Role = "liveEdge"
	Streaming Role = "liveVideo"
)

// Mode is the latency mode of a streaming domain.
type Mode string

// The latency modes.
const (
	SubSecond  Mode = "sub_second"  // 400-800 ms
	HalfSecond Mode = "half_second" // 200-400 ms
)

// Auth is the URL signing configuration of a domain (type A).
type Auth struct {
	Enabled      bool
	PrimaryKey   string
	SecondaryKey string        // optional, for rotation
	Validity     time.Duration // a token expires at its timestamp + Validity
}

// Domain is one host name that clients use.
type Domain struct {
	Name string
	Role Role
	// Main is the streaming domain whose name space this domain's streams
	// live in: the associated one for an ingest domain, itself otherwise.
	Main string
	Auth Auth
	Mode Mode // streaming domains
	// Default says that requests to an IP address or to plain "localhost"
	// belong here, for its Role.
	Default bool
}

// Snapshot is an immutable view of the catalog.
type Snapshot struct{ Domains []Domain }
