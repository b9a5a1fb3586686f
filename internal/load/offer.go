package load

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Payload types that every offer uses.
const (
	h264PT = 102
	rtxPT  = 103
	opusPT = 111
)

// wideSequence is the id of the transport-wide sequence number in every offer.
const wideSequence = 3

// offerSDP is what a browser would ask for, with what a load needs and no more:
// to receive, or to send the SSRCs of a publisher.
func offerSDP(l *leg, id *identity, feedback Feedback, sends *[2]uint32) string {
	direction := "a=recvonly\r\n"
	source := func(int) string { return "" }
	if sends != nil {
		direction = "a=sendonly\r\na=msid:load load\r\n"
		source = func(i int) string { return fmt.Sprintf("a=ssrc:%d cname:load\r\n", sends[i]) }
	}
	wide, feedbacks := "", ""
	switch feedback {
	case TransportWide:
		wide = "a=extmap:" + strconv.Itoa(wideSequence) + " http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
		feedbacks = "a=rtcp-fb:102 transport-cc\r\n"
	case None:
	}
	transport := "c=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=ice-ufrag:" + l.ufrag + "\r\na=ice-pwd:" + l.pwd +
		"\r\na=ice-options:trickle\r\na=fingerprint:sha-256 " + id.fingerprint + "\r\na=setup:actpass\r\n" + direction + wide
	return "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" + transport +
		"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n" + source(1) +
		"m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=mid:1\r\n" + transport +
		"a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" +
		"a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\na=rtcp-fb:102 ccm fir\r\n" + feedbacks +
		"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" +
		"a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n" + source(0)
}

// Feedback is what viewers tell the server about its packets besides reports.
type Feedback int

// The kinds of feedback.
const (
	None          Feedback = iota
	TransportWide          // as browsers do
)

// answer is what a load needs of an answer.
type answer struct {
	ufrag, pwd           string
	candidate            netip.AddrPort
	active               bool // the server is the DTLS client
	videoSSRC, audioSSRC uint32
	session              string   // the resource to DELETE; empty where there is none
	ssrcs                []uint32 // all that are named, those of repeats too
}

// readAnswer reads an SDP; of several candidates it takes the one on host.
func readAnswer(sdp, host string) (*answer, error) {
	a := &answer{}
	audio := false
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "a=ice-ufrag":
			a.ufrag = value
		case "a=ice-pwd":
			a.pwd = value
		case "a=setup":
			a.active = value == "active"
		case "a=ssrc":
			a.source(value, audio)
		case "a=candidate":
			if c := candidate(value); c.IsValid() && (!a.candidate.IsValid() || c.Addr().String() == host) {
				a.candidate = c
			}
		default:
			if strings.HasPrefix(line, "m=") {
				audio = strings.HasPrefix(line, "m=audio")
			}
		}
	}
	if a.ufrag == "" || !a.candidate.IsValid() {
		return nil, fmt.Errorf("the answer names no UDP candidate")
	}
	return a, nil
}

func (a *answer) source(value string, audio bool) {
	number, _, _ := strings.Cut(value, " ")
	n, err := strconv.ParseUint(number, 10, 32)
	switch {
	case err != nil:
		return
	case audio:
		a.audioSSRC = uint32(n)
	case a.videoSSRC == 0:
		a.videoSSRC = uint32(n)
	}
	a.ssrcs = append(a.ssrcs, uint32(n))
}

// stray says whether a packet belongs to a session that had the same address.
func (a *answer) stray(ssrc uint32) bool {
	return len(a.ssrcs) > 0 && !slices.Contains(a.ssrcs, ssrc)
}

// candidate reads the address of a UDP candidate for RTP (RFC 8839 section 5.1);
// invalid for all else.
func candidate(value string) netip.AddrPort {
	f := strings.Fields(value)
	if len(f) < 6 || !strings.EqualFold(f[2], "udp") || f[1] != "1" {
		return netip.AddrPort{}
	}
	addr, err := netip.ParseAddr(f[4])
	port, perr := strconv.ParseUint(f[5], 10, 16)
	if err != nil || perr != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(port))
}
