package sdp

// The header extensions that are negotiated when offered.
const (
	uriTransportCC    = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	uriPlayoutDelay   = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
	uriAbsCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	uriMID            = "urn:ietf:params:rtp-hdrext:sdes:mid"
	uriRID            = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	uriRepairedRID    = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"

	// draft-deping-avtcore-video-bframe, in the spellings that are in use.
	uriCompositionIETF   = "uri:ietf:rtc:rtp-hdrext:video:CompositionTime"
	uriCompositionWebRTC = "uri:webrtc:rtc:rtp-hdrext:video:CompositionTime"
	uriCompositionGoogle = "http://www.webrtc.org/experiments/rtp-hdrext/video-composition-time"
)

// flow is Direction.Receives or Direction.Sends: which way the offerer must be
// ready to carry an extension.
type flow func(Direction) bool

// extension returns the id of the first offered URI of the given ones that
// flows the right way, or 0.
func (m *Media) extension(flows flow, uris ...string) uint8 {
	for _, uri := range uris {
		for _, e := range m.extensions {
			if e.uri == uri && (e.dir == "" || flows(e.dir)) {
				return e.id
			}
		}
	}
	return 0
}

func (m *Media) composition(flows flow) uint8 {
	return m.extension(flows, uriCompositionIETF, uriCompositionWebRTC, uriCompositionGoogle)
}

// has says whether an id is a negotiated one.
func (e Extensions) has(id uint8) bool {
	switch id {
	case e.TransportCC, e.PlayoutDelay, e.AbsCaptureTime, e.CompositionTime, e.MID, e.RID, e.RepairedRID:
		return id != 0
	}
	return false
}
