package catalog

import "time"

// Role is the type of a domain, fixed at its creation.
type Role string

// The two types of domains.
const (
	Ingest    Role = "ingest"    // LiveDomainType liveEdge in the public API
	Streaming Role = "streaming" // liveVideo
)

// Status says whether a domain takes requests.
type Status string

// The statuses.
const (
	Online  Status = "online"
	Offline Status = "offline"
)

// Domain is one host name that clients use. Who holds a *Domain of a Snapshot
// may not change it.
type Domain struct {
	Name string `json:"name"` // lower case
	Role Role   `json:"type"`
	// Main is the streaming domain whose name space this domain's streams live
	// in. Of an ingest domain it is the associated one, "" where there is none;
	// of a streaming domain itself, or the one that it is a sub-streaming domain
	// of.
	Main string `json:"main,omitempty"`
	// Default says that requests to an IP address or to plain "localhost"
	// belong here, for its Role.
	Default  bool      `json:"default,omitempty"`
	Region   string    `json:"region"` // the live centre, equal across an association
	Scope    string    `json:"scope"`  // domestic, overseas or global; kept for clients, without effect
	Status   Status    `json:"status"`
	CNAME    string    `json:"cname"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	// ResourceGroup and Tags are kept for clients, who find domains by them.
	ResourceGroup string            `json:"resource-group,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	// Certificate names the certificate that is served for Name; "": the
	// installation's self-signed one.
	Certificate string     `json:"certificate,omitempty"`
	Functions   []Function `json:"functions,omitempty"`
	// Callbacks are those of an ingest domain.
	Callbacks *Callbacks `json:"callbacks,omitempty"`

	// Revision is that of the entry in the store.
	Revision uint64 `json:"-"`
	// Rules are what Functions say, ready for use.
	Rules `json:"-"`

	original *Domain // as stored, where it was adjusted
}

// Callbacks are where an ingest domain reports its publishers to
// (SetLiveStreamsNotifyUrlConfig).
type Callbacks struct {
	URL string `json:"url"`
	// Key signs the requests; "": they are not signed.
	Key string `json:"key,omitempty"`
}

// DefaultRegion is the live centre of domains that name none.
const DefaultRegion = "local"
