package sdp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// isRTP says whether the line carries RTP over DTLS-SRTP, as all that this
// package answers does.
func (m *Media) isRTP() bool {
	return (m.Kind == "audio" || m.Kind == "video") && strings.HasSuffix(m.Proto, "/TLS/RTP/SAVPF") && len(m.Payloads) > 0
}

func (m *Media) read(md *pion.MediaDescription) error {
	m.Kind = strings.Clone(md.MediaName.Media)
	m.Proto = strings.Clone(strings.Join(md.MediaName.Protos, "/"))
	m.Rejected = md.MediaName.Port.Value == 0
	if m.Direction == "" {
		m.Direction = SendRecv
	}
	if n := len(md.MediaName.Formats); n == 0 || n > maxFormats {
		return fmt.Errorf("%d formats, want 1 to %d", n, maxFormats)
	}
	rtp := strings.Contains(m.Proto, "RTP/")
	for _, f := range md.MediaName.Formats {
		m.formats = append(m.formats, strings.Clone(f))
		if !rtp {
			continue
		}
		pt, err := strconv.ParseUint(f, 10, 7)
		if err != nil || len(f) > 1 && f[0] == '0' {
			return fmt.Errorf("%.20q is no RTP payload type", f)
		}
		m.Payloads = append(m.Payloads, Payload{PT: uint8(pt)})
	}
	index := make(map[uint8]int, len(m.Payloads))
	for i := range m.Payloads {
		if _, twice := index[m.Payloads[i].PT]; twice {
			return fmt.Errorf("payload type %d stands twice", m.Payloads[i].PT)
		}
		index[m.Payloads[i].PT] = i
	}
	for _, a := range md.Attributes {
		if err := m.readAttribute(a, index); err != nil {
			return err
		}
	}
	return nil
}

func (m *Media) readAttribute(a pion.Attribute, index map[uint8]int) error {
	switch a.Key {
	case pion.AttrKeyMID:
		if !token(a.Value) || len(a.Value) > maxMID {
			return fmt.Errorf("mid is not a token of 1 to %d characters", maxMID)
		}
		m.MID = strings.Clone(a.Value)
	case "bundle-only":
		m.bundleOnly = true
	case pion.AttrKeyRTCPMux:
		m.rtcpMux = true
	case pion.AttrKeyRTCPRsize:
		m.rtcpRsize = true
	case pion.AttrKeyExtMap:
		return m.readExtension(a.Value)
	case "rtpmap":
		return m.readRTPMap(a.Value, index)
	case "fmtp":
		if p, v := m.payload(a.Value, index); p != nil {
			p.Fmtp = strings.Clone(v)
		}
	case "rtcp-fb":
		m.readFeedback(a.Value, index)
	case pion.AttrKeySSRC:
		m.sources.readSSRC(a.Value)
	case pion.AttrKeySSRCGroup:
		m.sources.readGroup(a.Value)
	case "rid":
		m.layers.readRID(a.Value)
	case "simulcast":
		m.layers.readSimulcast(a.Value)
	default:
		return m.readTransport(a)
	}
	return nil
}

// payload splits "PT rest". The result is nil for a type that the m-line does
// not list; such lines have no meaning (RFC 8866 section 6.6).
func (m *Media) payload(value string, index map[uint8]int) (*Payload, string) {
	first, rest, _ := strings.Cut(value, " ")
	pt, err := strconv.ParseUint(first, 10, 7)
	if err != nil {
		return nil, ""
	}
	i, ok := index[uint8(pt)]
	if !ok {
		return nil, ""
	}
	return &m.Payloads[i], strings.TrimSpace(rest)
}

func (m *Media) readRTPMap(value string, index map[uint8]int) error {
	p, v := m.payload(value, index)
	if p == nil {
		return nil
	}
	name, rest, _ := strings.Cut(v, "/")
	rate, channels, stereo := strings.Cut(rest, "/")
	if !token(name) {
		return fmt.Errorf("rtpmap of payload type %d has no encoding name", p.PT)
	}
	hz, err := strconv.ParseUint(rate, 10, 31)
	if err != nil || hz == 0 {
		return fmt.Errorf("rtpmap of payload type %d has no clock rate", p.PT)
	}
	p.Name, p.ClockRate, p.Channels = strings.Clone(name), int(hz), 0
	if stereo {
		n, err := strconv.ParseUint(channels, 10, 8)
		if err != nil || n == 0 {
			return fmt.Errorf("rtpmap of payload type %d has no channel count", p.PT)
		}
		p.Channels = int(n)
	}
	return nil
}

func (m *Media) readFeedback(value string, index map[uint8]int) {
	all, v, _ := strings.Cut(value, " ")
	if all == "*" {
		for i := range m.Payloads {
			m.Payloads[i].feedback.add(v)
		}
		return
	}
	if p, v := m.payload(value, index); p != nil {
		p.feedback.add(v)
	}
}

func (f *feedback) add(v string) {
	switch strings.ToLower(strings.Join(strings.Fields(v), " ")) {
	case "nack":
		f.nack = true
	case "nack pli":
		f.pli = true
	case "ccm fir":
		f.fir = true
	case "transport-cc":
		f.transportCC = true
	case "goog-remb":
		f.remb = true
	}
}

// readExtension keeps those that fit the one-byte form (RFC 8285 section 4.2).
func (m *Media) readExtension(value string) error {
	head, rest, _ := strings.Cut(value, " ")
	number, dir, _ := strings.Cut(head, "/")
	id, err := strconv.ParseUint(number, 10, 16)
	if err != nil || id == 0 {
		return errors.New("extmap has no id")
	}
	uri, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if uri == "" {
		return errors.New("extmap has no URI")
	}
	switch Direction(dir) {
	case "", SendRecv, SendOnly, RecvOnly, Inactive:
	default:
		return errors.New("extmap has no known direction")
	}
	used := slices.ContainsFunc(m.extensions, func(e extension) bool { return uint64(e.id) == id })
	if id <= 14 && !used {
		m.extensions = append(m.extensions, extension{id: uint8(id), uri: strings.Clone(uri), dir: Direction(strings.Clone(dir))})
	}
	return nil
}

// token checks the token rule of RFC 8866 section 9.
func token(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]`, c) >= 0 {
			return false
		}
	}
	return true
}
