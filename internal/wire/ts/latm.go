package ts

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
)

// loas reads AAC in LATM, as LOAS has it (ISO 14496-3 section 1.7.2): one layer
// of one program.
func (a *sound) loas(body []byte, at media.Time, give func(*media.Frame)) (broken bool) {
	var s mpeg4audio.AudioSyncStream
	broken = s.Unmarshal(body) != nil
	for _, element := range s.AudioMuxElements {
		m := mpeg4audio.AudioMuxElement{MuxConfigPresent: true, StreamMuxConfig: a.mux}
		if m.Unmarshal(element) != nil || !m.UseSameStreamMux && !a.configureLATM(m.StreamMuxConfig) {
			broken = true
			continue
		}
		for _, sub := range m.Payloads {
			if len(sub) != 1 || len(sub[0]) != 1 || len(sub[0][0]) == 0 {
				broken = true
				continue
			}
			a.give(at, sub[0][0], give)
			at += media.FromUnits(int64(a.samples), int64(a.track.SampleRate))
		}
	}
	return broken
}

// configureLATM makes the track of a StreamMuxConfig.
func (a *sound) configureLATM(m *mpeg4audio.StreamMuxConfig) bool {
	if len(m.Programs) != 1 || len(m.Programs[0].Layers) != 1 || m.Programs[0].Layers[0].AudioSpecificConfig == nil {
		return false
	}
	config, err := m.Programs[0].Layers[0].AudioSpecificConfig.Marshal()
	if err != nil {
		return false
	}
	if a.track != nil && bytes.Equal(a.track.Config, config) {
		a.mux = m
		return true
	}
	c, err := aac.ParseConfig(config)
	if err != nil || c.Samples < 1 || c.OutputRate < 1 {
		return false
	}
	a.mux, a.samples = m, c.Samples
	a.track = &media.Track{
		Kind: media.Audio, Codec: media.AAC, SampleRate: c.OutputRate, Channels: c.Channels, Config: config,
	}
	return true
}
