package openapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/control"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

func answerTo(w *world, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// publish has a stream of 25 pictures and 50 sounds a second, 500 and 80 kbit/s,
// published for as long as it takes to know that.
func (w *world) publish(t *testing.T, domain, stream, query string) *live.Publisher {
	t.Helper()
	p, err := w.hub.Publish(live.Name{Domain: "play.test", App: "live", Stream: stream}, "rtmp", "192.0.2.9:1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(reason.ClosedByPeer) })
	video := &media.Track{Kind: media.Video, Codec: media.H264, Width: 640, Height: 360}
	audio := &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 2}
	p.Announce(video, audio)
	now := media.Now()
	for at := -3 * time.Second; at < 0; at += 20 * time.Millisecond {
		for _, f := range []*media.Frame{{Track: video, Data: make([]byte, 2500)}, {Track: audio, Data: make([]byte, 200)}} {
			if f.Track == video && at%(40*time.Millisecond) != 0 {
				continue
			}
			f.DTS, f.PTS, f.Key, f.Arrived = media.Time(at+time.Minute), media.Time(at+time.Minute), true, now+int64(at)
			if err := p.Write(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.room.List(p, control.Publication{
		Domain: domain, Main: "play.test", App: "live", Stream: stream, Protocol: "rtmp", Client: "192.0.2.9:1", Query: query, Pulled: query == "pulled",
	}, nil)
	return p
}

type onlineStreams struct {
	TotalNum   int
	OnlineInfo struct {
		LiveStreamOnlineInfo []struct {
			StreamName, PublishType, Transcoded, TranscodeId, PublishTime, ClientIp                                                       string
			Width, FrameRate, VideoDataRate, AudioDataRate, AudioCodecId, CurrFrameRate, CurrVideoDataRate, CurrAudioDataRate, CurrHeight int
		}
	}
}

func TestOnlineList(t *testing.T) { synctest.Test(t, testOnlineList) }

func testOnlineList(t *testing.T) {
	w := begin(t)
	k := w.key(t, catalog.Full, "")
	w.want(t, w.v1(k, http.MethodPost, "AddLiveDomain", "DomainName", "play.test", "LiveDomainType", "liveVideo", "Region", "local"), 200, "", "")
	list := func(more ...string) onlineStreams {
		t.Helper()
		rec := answerTo(w, w.v1(k, http.MethodGet, "DescribeLiveStreamsOnlineList", append(more, "DomainName", "play.test")...))
		var v onlineStreams
		if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil || rec.Code != 200 {
			t.Fatalf("%d %v %s", rec.Code, err, rec.Body)
		}
		return v
	}
	w.publish(t, "push.test", "b", "")
	w.now = w.now.Add(time.Second)
	w.publish(t, "push.test", "a", "pulled")
	near := func(got, want int) bool { return got > want*7/10 && got < want*13/10 }
	all := list()
	if all.TotalNum != 2 {
		t.Fatalf("%+v", all)
	}
	for i, name := range []string{"a", "b"} {
		v := all.OnlineInfo.LiveStreamOnlineInfo[i]
		if v.StreamName != name || v.Transcoded != "no" || v.Width != 640 || !near(v.FrameRate, 25) || !near(v.VideoDataRate, 500) || !near(v.AudioDataRate, 80) || v.CurrFrameRate != 0 || v.ClientIp != "192.0.2.9" {
			t.Errorf("%+v", v)
		}
		if want := []string{"pull", "edge"}[i]; v.PublishType != want {
			t.Errorf("%s is of the type %s", name, v.PublishType)
		}
	}
	if v := list("IsGetCurrentRate", "true", "StreamName", "b").OnlineInfo.LiveStreamOnlineInfo[0]; !near(v.CurrFrameRate, 25) || !near(v.CurrVideoDataRate, 500) || !near(v.CurrAudioDataRate, 80) || v.CurrHeight != 360 {
		t.Errorf("%+v", v)
	}
	if v := list("OnlyStream", "yes").OnlineInfo.LiveStreamOnlineInfo[0]; v.Width != 0 || v.ClientIp != "" || v.StreamName != "a" || v.PublishTime == "" {
		t.Errorf("%+v", v)
	}
	for by, first := range map[string]string{"stream_name_asc": "a", "stream_name_desc": "b", "publish_time_asc": "b", "publish_time_desc": "a"} {
		if v := list("OrderBy", by).OnlineInfo.LiveStreamOnlineInfo[0]; v.StreamName != first {
			t.Errorf("%s: %s", by, v.StreamName)
		}
	}
	// What is made of a stream is there with its own figures; what only passes it on
	// is not.
	opus := &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	video := &media.Track{Kind: media.Video, Codec: media.H264, Width: 640, Height: 360}
	for variant, audio := range map[string]*media.Track{live.VariantOpus: opus, live.VariantAAC: {Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 2}} {
		p, err := w.hub.Publish(live.Name{Domain: "play.test", App: "live", Stream: "b", Variant: variant}, variant, "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close(reason.ClosedByPeer) })
		p.Announce(video, audio)
	}
	trans := list("StreamType", "trans")
	if trans.TotalNum != 1 || trans.OnlineInfo.LiveStreamOnlineInfo[0].Transcoded != "yes" || trans.OnlineInfo.LiveStreamOnlineInfo[0].TranscodeId != live.VariantOpus || trans.OnlineInfo.LiveStreamOnlineInfo[0].AudioCodecId != 13 {
		t.Errorf("%+v", trans)
	}
	if raw, all := list("StreamType", "raw"), list(); raw.TotalNum != 2 || all.TotalNum != 3 {
		t.Errorf("%d raw, %d in all", raw.TotalNum, all.TotalNum)
	}
	_, state := w.ask(t, w.v1(k, http.MethodGet, "DescribeLiveStreamState", "DomainName", "play.test", "AppName", "live", "StreamName", "a"))
	if state["StreamState"] != "online" || state["Type"] != "pull" {
		t.Errorf("%v", state)
	}
	_, count := w.ask(t, w.v1(k, http.MethodGet, "DescribeLiveStreamCount", "DomainName", "play.test"))
	b, _ := json.Marshal(count["StreamCountInfos"])
	if want := `{"StreamCountInfo":[{"Count":2,"Limit":2147483647,"StreamCountDetails":{"StreamCountDetail":[{"Count":2,"Format":"h264","VideoDataRate":0}]},"Type":"raw"},` +
		`{"Count":1,"Limit":2147483647,"StreamCountDetails":{"StreamCountDetail":[{"Count":1,"Format":"h264","VideoDataRate":0}]},"Type":"trans"}]}`; string(b) != want {
		t.Errorf("%s", b)
	}
}

// Pages of the history are chosen as the documentation names it, and ordered.
func TestPublishListPages(t *testing.T) {
	w := begin(t)
	k := w.key(t, catalog.Full, "")
	w.want(t, w.v1(k, http.MethodPost, "AddLiveDomain", "DomainName", "play.test", "LiveDomainType", "liveVideo", "Region", "local"), 200, "", "")
	for _, name := range []string{"b", "a", "c"} {
		w.publish(t, "push.test", name, "")
		w.now = w.now.Add(time.Second)
	}
	for _, c := range []struct{ order, page, want string }{
		{"", "1", "b"}, {"", "2", "a"}, {"", "3", "c"}, {"publish_time_desc", "1", "c"}, {"stream_name_asc", "1", "a"}, {"stream_name_desc", "2", "b"},
	} {
		_, doc := w.ask(t, w.v1(k, http.MethodGet, "DescribeLiveStreamsPublishList", "DomainName", "play.test", "PageNumber", c.page, "PageSize", "1",
			"OrderBy", c.order, "StartTime", "2026-11-20T10:00:00Z", "EndTime", "2026-11-20T11:00:00Z"))
		rows := doc["PublishInfo"].(map[string]any)["LiveStreamPublishInfo"].([]any)                       //nolint:errcheck,forcetypeassert // as built
		if len(rows) != 1 || rows[0].(map[string]any)["StreamName"] != c.want || doc["TotalPage"] != 3.0 { //nolint:errcheck,forcetypeassert // as built
			t.Errorf("%+v: %v", c, doc)
		}
	}
}
