package live

import (
	"millrace/internal/media"
)

// view is one of the two forms that a stream's media has. A publisher brings
// one; the stream derives the other while somebody reads it.
type view uint8

const (
	bringsNothing view = iota
	bringsFrames
	bringsPackets
)

// become prepares the stream for what its publisher brings. Readers of both
// views stay where they are. The caller holds s.mu.
func (s *stream) become(v view) {
	if s.brings == v {
		return
	}
	s.brings = v
	if v == bringsPackets {
		s.packetizer = nil
		if s.packets == nil {
			s.packets = newPackets(s.hub.options.account())
		}
		if s.frameReaders == 0 {
			s.forgetFrames()
		}
		return
	}
	s.assembler = nil
	if s.packets != nil {
		s.packets.layers.ladder.Store(nil)
	}
	if s.packetReaders > 0 {
		s.packets.account.asked = false
		s.packetizer = s.hub.options.NewPacketizer()
		s.packets.rebase()
	}
	s.forgetUnread()
}

// forgetUnread gives up a derived view that nobody reads. The caller holds s.mu.
func (s *stream) forgetUnread() {
	if s.packetReaders == 0 && s.brings != bringsPackets {
		s.packets, s.packetizer = nil, nil
	}
	if s.frameReaders == 0 && s.brings == bringsPackets && s.assembler != nil {
		s.assembler = nil
		s.forgetFrames()
	}
}

// forgetFrames empties the frames log, which nobody reads.
func (s *stream) forgetFrames() {
	s.frames, s.account, s.lastOf = newLog[media.Frame](), s.hub.options.account(), [2]media.Time{}
}

// readPackets counts a reader of packets in. The first one of a publisher that
// brings frames starts the packets log with the newest key frame. The caller
// holds s.mu.
func (s *stream) readPackets() *Packets {
	s.packetReaders++
	if s.packets == nil {
		s.packets, s.packetizer = newPackets(s.hub.options.account()), s.hub.options.NewPacketizer()
		for at := s.frames.start(); at < s.frames.head.Load(); at++ {
			f := s.frames.at(at)
			s.packets.appendCut(s.packetizer.Packetize(f), f.Arrived)
		}
	}
	return s.packets
}

// oldKey is the age in ns from which on a publisher is asked for a key frame
// rather than a reader of frames given everything since the newest one.
const oldKey = int64(2e9)

// readFrames counts a reader of frames in. The first one of a publisher that
// brings packets makes the stream derive them. ask says that the publisher is
// to be asked for a key frame. The caller holds s.mu.
func (s *stream) readFrames(now int64) (l *log[media.Frame], ask bool) {
	s.frameReaders++
	if s.brings != bringsPackets {
		return s.frames, false
	}
	from := s.packets.Start()
	key := s.packets.At(s.packets.NewestKey())
	ask = s.video != nil && (key == nil || now-key.Arrived > oldKey) && s.heeds()
	if ask {
		from = s.packets.Head()
	}
	if s.assembler == nil && s.announcedAnew() {
		s.assembleFrom(from)
	}
	return s.frames, ask
}

// announcedAnew says whether the tracks are those of the present publisher, or
// there is none. The caller holds s.mu.
func (s *stream) announcedAnew() bool { return s.publisher == nil || s.publisher.announced }

// askable says whether the publisher can be asked for a key frame. The caller
// holds s.mu.
func (s *stream) askable() bool { return s.publisher != nil && s.publisher.ask != nil }

// heeds says whether the publisher is to be expected to give a key frame when
// asked. The caller holds s.mu.
func (s *stream) heeds() bool { return s.askable() && !s.publisher.heedless }

// assembleFrom starts to derive frames, with the packet at from. The caller
// holds s.mu.
func (s *stream) assembleFrom(from int64) {
	s.assembler = s.hub.options.NewAssembler(s.video, s.audio)
	for at := from; at < s.packets.Head(); at++ {
		if pk := s.packets.At(at); pk != nil && pk.Layer == 0 {
			s.assemble(pk)
		}
	}
}

// assemble appends the frames that pk completes. The caller holds s.mu.
func (s *stream) assemble(pk *media.Packet) {
	for _, f := range s.assembler.Assemble(pk) {
		s.hold(f)
		s.append(f)
	}
}

// hold keeps a kind's decode times from running backwards. The caller holds
// s.mu.
func (s *stream) hold(f *media.Frame) {
	kind := f.Track.Kind
	if f.DTS < s.lastOf[kind] {
		f.DTS = s.lastOf[kind]
		f.PTS = max(f.PTS, f.DTS)
	}
	s.lastOf[kind] = f.DTS
}
