package openapi

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"millrace/internal/control"
	"millrace/internal/live"
	"millrace/internal/media"
)

type whichStreams struct {
	Domain string    `api:"DomainName,required,domain"`
	App    string    `api:"AppName"`
	Stream string    `api:"StreamName"`
	Kind   string    `api:"StreamType,def=all,one=all|raw|trans"`
	Query  string    `api:"QueryType,def=fuzzy,one=fuzzy|strict"`
	Names  string    `api:"OnlyStream,def=no,one=yes|no"`
	Rates  string    `api:"IsGetCurrentRate,def=false,one=true|false"`
	Page   int       `api:"PageNum,def=1,max=100000"`
	Size   int       `api:"PageSize,def=2000,max=3000"`
	From   time.Time `api:"StartTime"`
	To     time.Time `api:"EndTime"`
	Order  string    `api:"OrderBy,one=stream_name_asc|stream_name_desc|publish_time_asc|publish_time_desc"`
}

type onlineList struct {
	answer
	TotalNum, TotalPage, PageNum, PageSize int
	OnlineInfo                             struct{ LiveStreamOnlineInfo many[onlineRow] }
}

// onlineRow is a stream. Data rates are kbit/s.
type onlineRow struct {
	DomainName, PublishDomain, AppName, StreamName, PublishTime, PublishUrl, PublishType         string //nolint:revive,staticcheck // on the wire
	Transcoded, TranscodeId, ClientIp, ServerIp, StreamUrlArgs                                   string //nolint:revive,staticcheck // on the wire
	Width, Height, FrameRate, VideoDataRate, AudioDataRate, VideoCodecId, AudioCodecId           int    //nolint:revive,staticcheck // on the wire
	CurrWidth, CurrHeight, CurrFrameRate, CurrVideoDataRate, CurrAudioDataRate, CurrVideoCodecId int    //nolint:revive,staticcheck // on the wire
}

// conversion is a stream that is made of another for those who cannot play that.
type conversion struct {
	of   *control.Online
	stat live.Stat
}

// conversions are those of streams that run now. What only passes on its source
// is none.
func (s *Server) conversions(online []control.Online) []conversion {
	of := map[live.Name]*control.Online{}
	for i := range online {
		v := &online[i]
		of[live.Name{Domain: v.Main, App: v.App, Stream: v.Stream}] = v
	}
	var all []conversion
	for _, v := range s.stats() {
		source := of[v.Name.Source()]
		if v.Name.Variant == "" || !v.Publishing || source == nil || codecOf(source.Audio) == codecOf(v.Audio) && codecOf(source.Video) == codecOf(v.Video) {
			continue
		}
		all = append(all, conversion{source, v})
	}
	return all
}

func codecOf(t *media.Track) media.Codec {
	if t == nil {
		var none media.Codec
		return none
	}
	return t.Codec
}

// onlineList lists the streams of this moment: those that are published, and what
// is made of them.
func (s *Server) onlineList(_ context.Context, by caller, p whichStreams) (*onlineList, error) {
	which, err := s.choose(p.Domain, p.App, p.Stream, p.Query)
	if err != nil {
		return nil, err
	}
	online := s.streams.Online(func(v *control.Publication) bool {
		return which.match(v) && (p.From.IsZero() || !v.Began.Before(p.From)) && (p.To.IsZero() || !v.Began.After(p.To))
	})
	order(online, p.Order, func(v *control.Online) *control.Publication { return &v.Publication })
	var rows []onlineRow
	if p.Kind != "trans" {
		for i := range online {
			v := &online[i]
			rows = append(rows, s.onlineRow(by, v, v.Video, v.Audio, v.VideoRate, v.AudioRate))
		}
	}
	if p.Kind != "raw" {
		for _, c := range s.conversions(online) {
			row := s.onlineRow(by, c.of, c.stat.Video, c.stat.Audio, c.stat.VideoRate, c.stat.AudioRate)
			row.Transcoded, row.TranscodeId = "yes", c.stat.Name.Variant
			rows = append(rows, row)
		}
	}
	a := &onlineList{TotalNum: len(rows), TotalPage: pages(len(rows), p.Size), PageNum: p.Page, PageSize: p.Size}
	for _, row := range page(rows, p.Page, p.Size) {
		if p.Rates == "true" {
			row.CurrWidth, row.CurrHeight, row.CurrFrameRate = row.Width, row.Height, row.FrameRate
			row.CurrVideoDataRate, row.CurrAudioDataRate, row.CurrVideoCodecId = row.VideoDataRate, row.AudioDataRate, row.VideoCodecId
		}
		if p.Names == "yes" {
			row = onlineRow{DomainName: row.DomainName, AppName: row.AppName, StreamName: row.StreamName, PublishTime: row.PublishTime}
		}
		a.OnlineInfo.LiveStreamOnlineInfo = append(a.OnlineInfo.LiveStreamOnlineInfo, row)
	}
	return a, nil
}

func (s *Server) onlineRow(by caller, v *control.Online, video, audio *media.Track, videoRate, audioRate live.Rate) onlineRow {
	row := onlineRow{
		DomainName: v.Main, PublishDomain: v.Domain, AppName: v.App, StreamName: v.Stream, PublishTime: stamp(v.Began),
		PublishUrl: publishURL(&v.Publication), PublishType: publishType(&v.Publication), Transcoded: "no",
		ClientIp: host(v.Client), ServerIp: s.node, StreamUrlArgs: withoutTokens(by, v.Query),
	}
	if video != nil {
		row.Width, row.Height, row.VideoCodecId = video.Width, video.Height, codecIDs[video.Codec]
		row.FrameRate, row.VideoDataRate = int(math.Round(videoRate.Frames)), kilobits(videoRate)
	}
	if audio != nil {
		row.AudioCodecId, row.AudioDataRate = codecIDs[audio.Codec], kilobits(audioRate)
	}
	return row
}

func kilobits(r live.Rate) int { return int(math.Round(r.Bits / 1000)) }

// codecIDs are the numbers of FLV, where it has one.
var codecIDs = map[media.Codec]int{media.H264: 7, media.H265: 12, media.AV1: 13, media.AAC: 10, media.Opus: 13}

// order sorts streams as a request says; "" leaves them as they are.
func order[T any](all []T, by string, of func(*T) *control.Publication) {
	field, direction := strings.TrimSuffix(strings.TrimSuffix(by, "_asc"), "_desc"), 1
	if strings.HasSuffix(by, "_desc") {
		direction = -1
	}
	slices.SortStableFunc(all, func(a, b T) int {
		switch x, y := of(&a), of(&b); field {
		case "stream_name":
			return direction * strings.Compare(x.Stream, y.Stream)
		case "publish_time":
			return direction * cmp.Or(x.Began.Compare(y.Began))
		}
		return 0
	})
}

// publishType says how a stream comes here.
func publishType(p *control.Publication) string {
	if p.Pulled {
		return "pull"
	}
	return "edge"
}
