package sdp

import (
	"net/netip"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// Candidate is one address of ours that the peer may send to.
type Candidate struct {
	IP   netip.Addr
	Port uint16
	TCP  bool // RFC 6544, passive
}

// Transport is our end of the one transport, and the streams on it.
type Transport struct {
	Ufrag, Pwd  string
	Fingerprint [32]byte // sha-256 of our certificate
	Setup       string   // "" means Offer.AnswerSetup
	Candidates  []Candidate

	// RTX ones are told where the selection has an RTXPT.
	VideoSSRC, VideoRTXSSRC, AudioSSRC, AudioRTXSSRC uint32
}

// StreamID is the media stream id of every answer. Audio and video share it:
// the vendor's player shows the last stream that it sees a track of.
const StreamID = "rts"

// Answer writes the answer that grants s over t. Formats not selected are left
// out; a medium not selected is inactive; what cannot share the transport is
// rejected (port 0) and leaves the bundle. The text ends in CR LF.
func (o *Offer) Answer(s Selection, t Transport) string {
	return o.answer(t, StreamID, func(i int, w writer) {
		m := &o.Media[i]
		switch {
		case s.Video != nil && s.Video.MLine == i:
			w.grant(m, s.Video, s.Others, "video", t.VideoSSRC, t.VideoRTXSSRC)
		case s.Audio != nil && s.Audio.MLine == i:
			w.grant(m, s.Audio, nil, "audio", t.AudioSSRC, t.AudioRTXSSRC)
		default:
			w.withhold(m)
		}
	})
}

// answer writes what answers to viewers and to publishers share. line writes
// what an accepted m-line says of its media.
func (o *Offer) answer(t Transport, stream string, line func(i int, w writer)) string {
	if t.Setup == "" {
		t.Setup = o.AnswerSetup()
	}
	d := pion.SessionDescription{
		Origin: pion.Origin{
			Username: "-", SessionID: o.sessionID & (1<<63 - 1), SessionVersion: 1,
			NetworkType: "IN", AddressType: "IP4", UnicastAddress: "127.0.0.1",
		},
		SessionName:      "-",
		TimeDescriptions: []pion.TimeDescription{{}},
	}
	if mids := o.bundledMIDs(); mids != "" {
		d.WithValueAttribute(pion.AttrKeyGroup, "BUNDLE "+mids)
	}
	if o.allowMixed {
		d.WithPropertyAttribute(pion.AttrKeyExtMapAllowMixed)
	}
	if stream != "" {
		d.WithValueAttribute(pion.AttrKeyMsidSemantic, "WMS "+stream)
	}
	first := true
	for i := range o.Media {
		m := &o.Media[i]
		if !m.Bundled {
			d.WithMedia(m.reject())
			continue
		}
		w := m.begin(t)
		line(i, w)
		if first {
			w.candidates(t.Candidates)
			first = false
		}
		d.WithMedia(w.md)
	}
	out, err := d.Marshal()
	if err != nil { // cannot happen: nothing in it can fail to be written
		return ""
	}
	return string(out)
}

func (o *Offer) bundledMIDs() string {
	var mids []string
	for i := range o.Media {
		if m := &o.Media[i]; m.Bundled && m.inBundle {
			mids = append(mids, m.MID)
		}
	}
	return strings.Join(mids, " ")
}

// reject answers a line with port 0 (RFC 8829 section 5.3.1).
func (m *Media) reject() *pion.MediaDescription {
	md := m.describe(0, m.formats[:1])
	if m.MID != "" {
		md.WithValueAttribute(pion.AttrKeyMID, m.MID)
	}
	return md.WithPropertyAttribute(string(Inactive))
}

func (m *Media) describe(port int, formats []string) *pion.MediaDescription {
	return &pion.MediaDescription{
		MediaName: pion.MediaName{
			Media: m.Kind, Port: pion.RangedPort{Value: port},
			Protos: strings.Split(m.Proto, "/"), Formats: formats,
		},
		ConnectionInformation: &pion.ConnectionInformation{
			NetworkType: "IN", AddressType: "IP4", Address: &pion.Address{Address: "0.0.0.0"},
		},
	}
}
