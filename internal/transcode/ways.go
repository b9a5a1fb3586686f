package transcode

import (
	"context"
	"errors"
	"sync"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// The ways of a stream's sound; also the label of the metric.
const (
	pathNone    = "none"    // the source has no sound
	pathSame    = "same"    // it is what is wanted already
	pathOpus    = "opus"    // Opus, in process
	pathLC      = "lc"      // AAC-LC, in process
	pathProcess = "process" // other AAC, by ffmpeg
	pathMute    = "mute"    // it has sound that this node cannot convert
)

// choose finds the way for the sound of v.audio and announces what comes out.
func (v *variant) choose(ctx context.Context) {
	v.stop()
	// What is still on its way dies away before the new sound begins. A lost
	// right to publish shows at the next frame.
	_ = v.write(append(v.held.all(), v.voice.finish()...)...)
	switch {
	case v.audio == nil:
		v.take(pathNone)
		v.announce(nil)
	case v.audio.Codec == v.voice.codec:
		v.take(pathSame)
		v.announce(v.audio)
	case v.audio.Codec == media.Opus:
		v.take(pathOpus)
		if err := v.startConverter(); err != nil {
			v.mute(err)
		}
	case v.audio.Codec == media.AAC:
		v.take(pathLC)
		if err := v.startConverter(); err != nil {
			v.startProcess(ctx, err)
		}
	default:
		v.mute(errors.New("no decoder for " + v.audio.Codec.String()))
	}
}

func (v *variant) startConverter() error {
	c, rest, err := newConverter(v.voice, v.audio)
	if err != nil {
		return err
	}
	v.converter = c
	v.announce(v.voice.track)
	return v.write(rest...)
}

// startProcess takes the sound to ffmpeg, for the reason given.
func (v *variant) startProcess(ctx context.Context, because error) {
	if v.supplier.options.FFmpeg == "" {
		v.mute(because)
		return
	}
	v.take(pathProcess)
	p, err := newProcess(v.supplier.options.FFmpeg, v.audio.Config, v.hear)
	if err != nil {
		v.mute(err)
		return
	}
	rest, err := v.voice.configure(outputRate, processChannels)
	if err != nil {
		v.mute(err)
		return
	}
	v.announce(v.voice.track)
	// A lost right to publish shows at the next frame.
	_ = v.write(rest...)
	v.process = p
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.run(ctx); err != nil {
			v.mu.Lock()
			v.failed = err
			v.mu.Unlock()
		}
	})
	v.stopProcess = func() { cancel(); running.Wait() }
}

// mute gives the sound up and says so once.
func (v *variant) mute(because error) {
	v.take(pathMute)
	v.announce(nil)
	v.supplier.options.Log.Warn("variant has no sound", "stream", v.name.String(), "reason", string(reason.NoDecoder), "err", because)
}

// take leaves the present way of the sound, if any, and waits until nothing of
// it runs; "" takes no other.
func (v *variant) take(path string) {
	v.stop()
	running := v.supplier.options.Metrics.variants
	if v.path != "" {
		running.WithLabelValues(v.path).Dec()
	}
	if v.path = path; path != "" {
		running.WithLabelValues(path).Inc()
	}
}

// stop ends what converts the sound, and waits for it.
func (v *variant) stop() {
	if v.stopProcess != nil {
		v.stopProcess()
	}
	v.converter, v.process, v.stopProcess, v.failed = nil, nil, nil, nil
}
