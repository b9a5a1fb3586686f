package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Payload types that every offer uses.
const (
	h264PT = 102
	rtxPT  = 103
	opusPT = 111
)

// offer is what a browser would ask for, with what a load needs and no more.
func offer(ufrag, pwd, fingerprint string) string {
	transport := "c=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd +
		"\r\na=ice-options:trickle\r\na=fingerprint:sha-256 " + fingerprint + "\r\na=setup:actpass\r\na=recvonly\r\n" +
		"a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
	return "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" + transport +
		"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=mid:1\r\n" + transport +
		"a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" +
		"a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\na=rtcp-fb:102 transport-cc\r\n" +
		"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" +
		"a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n"
}

// answer is what a load needs of an answer.
type answer struct {
	ufrag, pwd           string
	candidate            netip.AddrPort
	videoSSRC, audioSSRC uint32
}

// post asks a WHEP resource for a session.
func post(ctx context.Context, url, sdp string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(sdp))
	if err != nil {
		return nil, fmt.Errorf("WHEP request: %w", err)
	}
	req.Header.Set("Content-Type", "application/sdp")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("WHEP: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("WHEP answer: %w", err)
	}
	if res.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("WHEP: %s: %s", res.Status, bytes.TrimSpace(body))
	}
	return readAnswer(string(body))
}

func readAnswer(sdp string) (*answer, error) {
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
		case "a=ssrc":
			number, _, _ := strings.Cut(value, " ")
			n, err := strconv.ParseUint(number, 10, 32)
			if err != nil {
				continue
			}
			if to := &a.videoSSRC; audio {
				a.audioSSRC = uint32(n)
			} else if *to == 0 {
				*to = uint32(n)
			}
		case "a=candidate":
			f := strings.Fields(value)
			if len(f) < 6 || !strings.EqualFold(f[2], "udp") || f[1] != "1" || a.candidate.IsValid() {
				continue
			}
			a.candidate, _ = netip.ParseAddrPort(f[4] + ":" + f[5])
		default:
			if strings.HasPrefix(line, "m=") {
				audio = strings.HasPrefix(line, "m=audio")
			}
		}
	}
	if a.ufrag == "" || !a.candidate.IsValid() {
		return nil, fmt.Errorf("WHEP answer names no UDP candidate")
	}
	return a, nil
}
