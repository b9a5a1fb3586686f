package console

// Demo is GET /demo.json: what the player offers to play. URLs may be paths on
// this server. All of it is public: put no key here that allows to publish.
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
}
