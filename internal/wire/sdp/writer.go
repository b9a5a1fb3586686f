package sdp

import (
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// writer writes one accepted m-line.
type writer struct{ md *pion.MediaDescription }

func (w writer) attr(key, value string) { w.md.WithValueAttribute(key, value) }
func (w writer) flag(key string)        { w.md.WithPropertyAttribute(key) }

// begin writes what every accepted line repeats.
func (m *Media) begin(t Transport) writer {
	w := writer{m.describe(9, nil)} // 9: the address is in the candidates (RFC 8839 section 4.3.2)
	if m.MID != "" {
		w.attr(pion.AttrKeyMID, m.MID)
	}
	w.attr("ice-ufrag", t.Ufrag)
	w.attr("ice-pwd", t.Pwd)
	w.attr(pion.AttrKeyICEOptions, "trickle")
	w.attr("fingerprint", "sha-256 "+fingerprint(t.Fingerprint))
	w.attr(pion.AttrKeyConnectionSetup, t.Setup)
	if m.rtcpMux {
		w.flag(pion.AttrKeyRTCPMux)
	}
	if m.rtcpRsize {
		w.flag(pion.AttrKeyRTCPRsize)
	}
	return w
}

// withhold answers a line on which nothing is sent. It must still list a
// format; the first one offered is as good as any.
func (w writer) withhold(m *Media) {
	w.flag(string(Inactive))
	w.format(&m.Payloads[0], m.Payloads[0].Fmtp)
}

// grant answers a line on which f is sent under the given SSRCs, or one of
// others instead when the stream's codec changes.
func (w writer) grant(m *Media, f *Format, others []*Format, track string, ssrc, rtx uint32) {
	w.flag(string(SendOnly))
	w.extensions(m, SendOnly, append([]*Format{f}, others...)...)
	w.offered(m, f, f.fmtp(m.of(f.PT)))
	repeats := f.RTXPT != 0
	for _, other := range others {
		w.offered(m, other, m.of(other.PT).Fmtp)
		repeats = repeats || other.RTXPT != 0
	}
	w.attr(pion.AttrKeyMsid, StreamID+" "+track)
	if ssrc == 0 {
		return
	}
	if repeats && rtx != 0 {
		w.attr(pion.AttrKeySSRCGroup, pion.SemanticTokenFlowIdentification+" "+u32(ssrc)+" "+u32(rtx))
		defer w.source(rtx, track)
	}
	w.source(ssrc, track)
}

// take answers a line on which src is received.
func (w writer) take(m *Media, src *Source) {
	w.flag(string(RecvOnly))
	w.extensions(m, RecvOnly, &src.Format)
	w.offered(m, &src.Format, src.fmtp(m.of(src.PT)))
	for _, rid := range src.RIDs {
		w.attr("rid", rid+" recv")
	}
	if len(src.RIDs) != 0 {
		w.attr("simulcast", "recv "+strings.Join(src.RIDs, ";"))
	}
}

// extensions lists those that any of the formats uses.
func (w writer) extensions(m *Media, dir Direction, formats ...*Format) {
	if m.allowMixed {
		w.flag(pion.AttrKeyExtMapAllowMixed)
	}
	for _, e := range m.extensions {
		if slices.ContainsFunc(formats, func(f *Format) bool { return f.Ext.has(e.id) }) {
			w.extmap(e, dir)
		}
	}
}

// offered lists f, its feedback, its retransmissions and its redundant form.
func (w writer) offered(m *Media, f *Format, fmtp string) {
	w.format(m.of(f.PT), fmtp)
	w.feedback(f)
	if f.RTXPT != 0 {
		r := m.of(f.RTXPT)
		w.format(r, r.Fmtp)
	}
	if f.RED != 0 {
		r := m.of(f.RED)
		w.format(r, r.Fmtp)
	}
}

// source announces an SSRC (RFC 5576): Chromium plays nothing from one that it
// was not told of.
func (w writer) source(ssrc uint32, track string) {
	w.attr(pion.AttrKeySSRC, u32(ssrc)+" cname:"+StreamID)
	w.attr(pion.AttrKeySSRC, u32(ssrc)+" msid:"+StreamID+" "+track)
}

func (w writer) format(p *Payload, fmtp string) {
	pt := strconv.Itoa(int(p.PT))
	w.md.MediaName.Formats = append(w.md.MediaName.Formats, pt)
	if p.Name == "" { // a static type (RFC 3551)
		return
	}
	name := pt + " " + p.Name + "/" + strconv.Itoa(p.ClockRate)
	if p.Channels != 0 {
		name += "/" + strconv.Itoa(p.Channels)
	}
	w.attr("rtpmap", name)
	if fmtp != "" {
		w.attr("fmtp", pt+" "+fmtp)
	}
}

func (w writer) feedback(f *Format) {
	for _, fb := range []struct {
		on   bool
		word string
	}{{f.REMB, "goog-remb"}, {f.TransportCC, "transport-cc"}, {f.FIR, "ccm fir"}, {f.NACK, "nack"}, {f.PLI, "nack pli"}} {
		if fb.on {
			w.attr("rtcp-fb", strconv.Itoa(int(f.PT))+" "+fb.word)
		}
	}
}

// extmap answers a direction that was offered with its mirror (RFC 8285
// section 7).
func (w writer) extmap(e extension, dir Direction) {
	id := strconv.Itoa(int(e.id))
	if e.dir != "" {
		id += "/" + string(dir)
	}
	w.attr(pion.AttrKeyExtMap, id+" "+e.uri)
}

func u32(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// fingerprint writes 32 bytes as RFC 8122 section 5 has them.
func fingerprint(sum [32]byte) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, 3*len(sum))
	for i, c := range sum {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, digits[c>>4], digits[c&15])
	}
	return string(b)
}
