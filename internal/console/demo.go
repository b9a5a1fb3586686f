package console

// Demo is GET /demo.json: what the player offers to play. URLs may be paths on
// this server. All of it is public: a key that allows to publish stands in
// Publish alone.
type Demo struct {
	// On says that App/Stream is being published and may be played with the
	// keys below. When it is false the page shows how to publish.
	On     bool   `json:"demo"`
	App    string `json:"app"`
	Stream string `json:"stream"`
	// LoopMillis is the length of the loop; the barcode carries it, too.
	LoopMillis int64 `json:"loop_ms"`
	// PlayAuthKey signs /App/Stream, FLVAuthKey signs /App/Stream.flv; empty
	// when signing is off.
	PlayAuthKey string `json:"playAuthKey,omitempty"`
	FLVAuthKey  string `json:"flvAuthKey,omitempty"`
	// The URLs are complete, with their auth_key. ARTCURL and HLSURL are left
	// out when they are empty.
	WHEPURL string `json:"whepURL"`
	FLVURL  string `json:"flvURL"`
	ARTCURL string `json:"artcURL,omitempty"`
	HLSURL  string `json:"hlsURL,omitempty"`
	// PublishURL is where to publish, rtmp://host[:port]/App/Stream without a
	// signature. The page shows it when On is false.
	PublishURL string `json:"publishURL,omitempty"`
	// Publish is where the visitor's own browser may publish; nil: the page
	// asks the visitor for an address.
	Publish *Publish `json:"publish,omitempty"`
}

// Publish is a stream that a visitor may publish from the page, complete with
// the keys for that. Whoever fills it in sees to it that the visitor may have
// them: signing is off, or the visitor sits at the server's own machine.
type Publish struct {
	App    string `json:"app"`
	Stream string `json:"stream"`
	// WHIP is a path on this server or a URL, with its auth_key; ARTC is the
	// same for the vendor's SDK.
	WHIP string `json:"whip"`
	ARTC string `json:"artc"`
	// Play is how to watch that stream.
	Play PublishPlay `json:"play"`
}

// PublishPlay is the addresses to watch what a visitor publishes, paths on this
// server or URLs, with their auth_keys. What the latency mode does not permit
// is "".
type PublishPlay struct {
	ARTC string `json:"artc,omitempty"`
	WHEP string `json:"whep,omitempty"`
	FLV  string `json:"flv,omitempty"`
	HLS  string `json:"hls,omitempty"`
}
