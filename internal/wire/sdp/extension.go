package sdp

// The header extensions that are negotiated when offered.
const (
	uriTransportCC    = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	uriPlayoutDelay   = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
	uriAbsCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"

	// draft-deping-avtcore-video-bframe, in the spellings that are in use.
	uriCompositionIETF   = "uri:ietf:rtc:rtp-hdrext:video:CompositionTime"
	uriCompositionWebRTC = "uri:webrtc:rtc:rtp-hdrext:video:CompositionTime"
	uriCompositionGoogle = "http://www.webrtc.org/experiments/rtp-hdrext/video-composition-time"
)

// extension returns the id of the first offered URI of the given ones that the
// offerer receives, or 0.
func (m *Media) extension(uris ...string) uint8 {
	for _, uri := range uris {
		for _, e := range m.extensions {
			if e.uri == uri && (e.dir == "" || e.dir.Receives()) {
				return e.id
			}
		}
	}
	return 0
}

func (m *Media) composition() uint8 {
	return m.extension(uriCompositionIETF, uriCompositionWebRTC, uriCompositionGoogle)
}

// ids lists the negotiated ids.
func (e Extensions) ids() [4]uint8 {
	return [4]uint8{e.TransportCC, e.PlayoutDelay, e.AbsCaptureTime, e.CompositionTime}
}
