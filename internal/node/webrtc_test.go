package node

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"millrace/internal/config"
	"millrace/internal/media"
	"millrace/internal/rtmp"
)

// A WHIP publisher reaches WHEP viewers untouched, and goes when it says so.
func TestWHIPToWHEP(t *testing.T) {
	n := serveNode(t, nil)
	urls := n.links(t, "rtc")
	from := sender(t)
	from.join(t, urls.Publish.WHIP)
	n.live(t, "rtc")
	to := receiver(t)
	to.join(t, urls.Play.WHEP)
	to.gets(t, 50)
	video, _ := to.codecs.Load(media.Video)
	audio, _ := to.codecs.Load(media.Audio)
	if video != webrtc.MimeTypeH264 || audio != webrtc.MimeTypeOpus {
		t.Errorf("received %v and %v", video, audio)
	}
	for _, p := range []*peer{to, from} {
		if res, body := ask(t, http.MethodDelete, p.session, "", ""); res.StatusCode != http.StatusOK {
			t.Errorf("DELETE: %s: %s", res.Status, body)
		}
	}
	await(t, "the end", func() bool { return strings.Contains(n.log.String(), "publisher gone") })
	if !regexp.MustCompile(`msg="publisher gone" stream=\S+/live/rtc proto=whip peer=\S+ reason=closed_by_peer`).MatchString(n.log.String()) {
		t.Error("no goodbye in the log")
	}
}

// The vendor's exchange, and the tracks that HTTP-FLV makes of it.
func TestARTCToFLV(t *testing.T) {
	n := serveNode(t, nil)
	urls := n.links(t, "sdk")
	from := sender(t)
	from.publishARTC(t, urls.Publish.ARTC)
	n.live(t, "sdk")
	p := ffprobe(t, urls.Play.FLV)
	names := []string{}
	for _, s := range p.Streams {
		names = append(names, s.CodecName)
	}
	if got := strings.Join(names, " "); got != "h264 aac" || p.Streams[0].Width != 640 {
		t.Errorf("streams are %q: %+v", got, p.Streams)
	}
	// Milliseconds of the first of each: sound is there with the picture.
	first := map[string]int64{}
	for _, pk := range p.Packets {
		if _, known := first[pk.CodecType]; !known {
			first[pk.CodecType] = pk.PTS
		}
	}
	if apart := first["audio"] - first["video"]; len(first) != 2 || apart < -1000 || apart > 1000 {
		t.Errorf("the first of each are at %v ms", first)
	}
}

// An ICE restart of either side leaves the media going.
func TestICERestarts(t *testing.T) {
	n := serveNode(t, nil)
	urls := n.links(t, "again")
	from, to := sender(t), receiver(t)
	from.join(t, urls.Publish.WHIP)
	n.live(t, "again")
	to.join(t, urls.Play.WHEP)
	to.gets(t, 20)
	for name, p := range map[string]*peer{"publisher": from, "viewer": to} {
		answer := p.pc.CurrentRemoteDescription().SDP
		offer := p.offer(t, &webrtc.OfferOptions{ICERestart: true})
		fragment := "a=ice-ufrag:" + attribute(t, offer, "ice-ufrag") + "\r\na=ice-pwd:" + attribute(t, offer, "ice-pwd") +
			"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:" + attribute(t, offer, "mid") + "\r\n"
		res, body := ask(t, http.MethodPatch, p.session, "application/trickle-ice-sdpfrag", fragment, "If-Match", "*")
		if res.StatusCode != http.StatusOK || res.Header.Get("ETag") == p.etag {
			t.Fatalf("%s: %s, %v: %s", name, res.Status, res.Header, body)
		}
		for _, line := range []string{"ice-ufrag", "ice-pwd"} {
			answer = strings.ReplaceAll(answer, "a="+line+":"+attribute(t, answer, line), "a="+line+":"+attribute(t, body, line))
		}
		p.accept(t, answer)
		to.gets(t, 50)
		res, body = ask(t, http.MethodPatch, p.session, "application/trickle-ice-sdpfrag", fragment, "If-Match", p.etag)
		if res.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("%s: candidates of the old ICE session: %s: %s", name, res.Status, body)
		}
	}
}

// Whoever is silent is replaced, whoever sends is not, whatever both speak.
func TestTakeOver(t *testing.T) {
	n := serveNode(t, nil)
	urls := n.links(t, "name")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	silent, err := rtmp.Dial(ctx, urls.Publish.RTMP)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	from := sender(t)
	from.join(t, urls.Publish.WHIP) // waits for two seconds of silence
	n.live(t, "name")
	await(t, "the silent one to be told", func() bool { return strings.Contains(n.log.String(), "reason=replaced") })
	_, err = rtmp.Dial(ctx, urls.Publish.RTMP)
	var refused *rtmp.StatusError
	if !errors.As(err, &refused) || refused.Code != "NetStream.Publish.BadName" || !strings.Contains(refused.Description, "has a publisher already") {
		t.Errorf("RTMP against one that sends: %v", err)
	}
	res, body := ask(t, http.MethodPost, urls.Publish.WHIP, "application/sdp", captured(t, "whip-n-M.sdp"))
	if res.StatusCode != http.StatusConflict || !strings.Contains(body, `"taken"`) {
		t.Errorf("WHIP against one that sends: %s: %s", res.Status, body)
	}
}

// With --take-over=always the newest publisher has the name, and viewers stay.
func TestTakeOverAlways(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.TakeOver = "always" })
	urls := n.links(t, "name")
	first, to := sender(t), receiver(t)
	first.join(t, urls.Publish.WHIP)
	n.live(t, "name")
	to.join(t, urls.Play.WHEP)
	to.gets(t, 20)
	second := sender(t)
	second.join(t, urls.Publish.WHIP)
	await(t, "the first to be told", func() bool { return strings.Contains(n.log.String(), "reason=replaced") })
	to.gets(t, 20)
	if res, _ := ask(t, http.MethodDelete, first.session, "", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("the first session: %s", res.Status)
	}
	if res, _ := ask(t, http.MethodDelete, second.session, "", ""); res.StatusCode != http.StatusOK {
		t.Errorf("the second session: %s", res.Status)
	}
}
