package rtmpchunk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

var wide = Limits{Message: 8 << 20, Partial: 64, Buffered: 16 << 20}

// pattern is a body whose bytes tell where they belong, without runs of zeros.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i%251) | 1
	}
	return b
}

func collect(t testing.TB, r *Reader) (all []Message) {
	t.Helper()
	for {
		m, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
}

func same(a, b Message) bool {
	return a.Stream == b.Stream && a.ChunkStream == b.ChunkStream && a.Timestamp == b.Timestamp && a.Type == b.Type && bytes.Equal(a.Body, b.Body)
}

// messages go through every writer and reader pair.
var messages = []Message{
	{ChunkStream: 3, Type: TypeCommandAMF0, Body: pattern(200)},
	{ChunkStream: 4, Stream: 1, Timestamp: 23, Type: TypeAudio, Body: pattern(7)},
	{ChunkStream: 4, Stream: 1, Timestamp: 46, Type: TypeAudio, Body: pattern(7)},
	{ChunkStream: 4, Stream: 1, Timestamp: 69, Type: TypeAudio, Body: pattern(7)},
	{ChunkStream: 6, Stream: 1, Timestamp: 40, Type: TypeVideo, Body: pattern(100_000)},
	{ChunkStream: 6, Stream: 1, Timestamp: 40, Type: TypeVideo, Body: pattern(128)},
	{ChunkStream: 6, Stream: 1, Timestamp: 20, Type: TypeVideo, Body: pattern(129)},
	{ChunkStream: 6, Stream: 1, Timestamp: 0xfffffe, Type: TypeVideo, Body: pattern(1000)},
	{ChunkStream: 6, Stream: 1, Timestamp: 0xffffff, Type: TypeVideo, Body: pattern(1000)},
	{ChunkStream: 6, Stream: 1, Timestamp: 0x1000020, Type: TypeVideo, Body: pattern(1000)},
	{ChunkStream: 4, Stream: 1, Timestamp: 0x1000020, Type: TypeAudio, Body: pattern(300)},
	{ChunkStream: 7, Stream: 1, Timestamp: 0xfffffff0, Type: TypeVideo, Body: pattern(300)},
	{ChunkStream: 8, Stream: 1, Timestamp: 5, Type: TypeDataAMF0, Body: nil},
}

func TestWriterToReader(t *testing.T) {
	for _, size := range []int{0, 1, 128, 4096, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			var b bytes.Buffer
			w := NewWriter(&b)
			if size > 0 {
				if err := w.SetChunkSize(size); err != nil {
					t.Fatal(err)
				}
			}
			more := append(messages,
				Message{ChunkStream: 64, Stream: 1, Timestamp: 1, Type: TypeVideo, Body: pattern(300)},
				Message{ChunkStream: 319, Stream: 1, Timestamp: 2, Type: TypeVideo, Body: pattern(300)},
				Message{ChunkStream: 320, Stream: 1, Timestamp: 3, Type: TypeVideo, Body: pattern(300)},
				Message{ChunkStream: 65599, Stream: 1, Timestamp: 0xfffffff, Type: TypeVideo, Body: pattern(300)},
				Message{ChunkStream: 6, Stream: 1, Timestamp: 0xffffffff, Type: TypeVideo, Body: pattern(9)},
				Message{ChunkStream: 6, Stream: 1, Timestamp: 9, Type: TypeVideo, Body: pattern(9)})
			for _, m := range more {
				if err := w.Write(m); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			total := uint64(b.Len())
			r := NewReader(iotest.OneByteReader(&b), wide)
			got := collect(t, r)
			if len(got) != len(more) {
				t.Fatalf("%d messages of %d", len(got), len(more))
			}
			for i := range got {
				if !same(got[i], more[i]) {
					t.Errorf("message %d: got type %d at %d, %d bytes", i, got[i].Type, got[i].Timestamp, len(got[i].Body))
				}
			}
			if r.Received() != total {
				t.Errorf("received %d of %d bytes", r.Received(), total)
			}
			if r.partial != 0 || r.buffered != 0 {
				t.Errorf("still holds %d messages, %d bytes", r.partial, r.buffered)
			}
		})
	}
}

func TestFromLibraryWriter(t *testing.T) {
	for _, size := range []uint32{128, 4096, 65536} {
		var b bytes.Buffer
		counter := bytecounter.NewWriter(&b)
		w := rawmessage.NewWriter(counter, counter, false)
		set := []byte{byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}
		if err := w.Write(&rawmessage.Message{ChunkStreamID: 2, Type: TypeSetChunkSize, Body: set}); err != nil {
			t.Fatal(err)
		}
		w.SetChunkSize(size)
		for _, m := range messages {
			err := w.Write(&rawmessage.Message{
				ChunkStreamID: byte(m.ChunkStream), Timestamp: time.Duration(m.Timestamp) * time.Millisecond,
				Type: m.Type, MessageStreamID: m.Stream << 24, Body: m.Body,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		got := collect(t, NewReader(&b, wide))
		if len(got) != len(messages) {
			t.Fatalf("%d messages of %d", len(got), len(messages))
		}
		for i := range got {
			if !same(got[i], messages[i]) {
				t.Errorf("chunk size %d, message %d: got stream %d, type %d at %d, %d bytes", size, i, got[i].Stream, got[i].Type, got[i].Timestamp, len(got[i].Body))
			}
		}
	}
}

func TestToLibraryReader(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, m := range messages {
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	counter := bytecounter.NewReader(&b)
	r := rawmessage.NewReader(counter, counter, nil)
	for i, m := range messages {
		got, err := r.Read()
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if got.MessageStreamID != m.Stream<<24 || got.Type != m.Type || got.Timestamp != time.Duration(m.Timestamp)*time.Millisecond || !bytes.Equal(got.Body, m.Body) {
			t.Errorf("message %d: got type %d at %v, %d bytes", i, got.Type, got.Timestamp, len(got.Body))
		}
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// wires are chunks written by hand.
var wires = []struct {
	name string
	in   []byte
	want []Message
}{
	{"type 3 after type 0 repeats its timestamp as the delta", []byte{
		4, 0, 0, 23, 0, 0, 1, 8, 1, 0, 0, 0, 0xaf,
		0xc4, 0xae, 0xc4, 0xad,
	}, []Message{
		{ChunkStream: 4, Stream: 1, Timestamp: 23, Type: 8, Body: []byte{0xaf}},
		{ChunkStream: 4, Stream: 1, Timestamp: 46, Type: 8, Body: []byte{0xae}},
		{ChunkStream: 4, Stream: 1, Timestamp: 69, Type: 8, Body: []byte{0xad}},
	}},
	{"type 2, then type 3", []byte{
		4, 0, 0, 0, 0, 0, 1, 8, 1, 0, 0, 0, 1,
		0x84, 0, 0, 10, 2, 0xc4, 3,
	}, []Message{
		{ChunkStream: 4, Stream: 1, Type: 8, Body: []byte{1}},
		{ChunkStream: 4, Stream: 1, Timestamp: 10, Type: 8, Body: []byte{2}},
		{ChunkStream: 4, Stream: 1, Timestamp: 20, Type: 8, Body: []byte{3}},
	}},
	{"type 1 opens a chunk stream", []byte{0x42, 0, 0, 5, 0, 0, 4, 5, 0, 38, 37, 160},
		[]Message{{ChunkStream: 2, Timestamp: 5, Type: 5, Body: []byte{0, 38, 37, 160}}}},
	{"2-byte id", []byte{0, 10, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, 7},
		[]Message{{ChunkStream: 74, Stream: 1, Type: 9, Body: []byte{7}}}},
	{"3-byte id", []byte{1, 1, 2, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, 7},
		[]Message{{ChunkStream: 64 + 1 + 512, Stream: 1, Type: 9, Body: []byte{7}}}},
	{"extended timestamp that type 3 does not repeat", join(
		[]byte{6, 0xff, 0xff, 0xff, 0, 0, 130, 9, 1, 0, 0, 0, 1, 0, 0, 0}, pattern(128), []byte{0xc6, 11, 12}),
		[]Message{{ChunkStream: 6, Stream: 1, Timestamp: 1 << 24, Type: 9, Body: append(pattern(128), 11, 12)}}},
	{"interleaved, one aborted", join(
		[]byte{5, 0, 0, 0, 0, 0, 130, 9, 1, 0, 0, 0}, pattern(128),
		[]byte{7, 0, 0, 0, 0, 0, 130, 9, 1, 0, 0, 0}, pattern(128),
		[]byte{2, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 5},
		[]byte{0xc7, 1, 2},
		[]byte{5, 0, 0, 9, 0, 0, 1, 9, 1, 0, 0, 0, 8}),
		[]Message{
			{ChunkStream: 7, Stream: 1, Type: 9, Body: append(pattern(128), 1, 2)},
			{ChunkStream: 5, Stream: 1, Timestamp: 9, Type: 9, Body: []byte{8}},
		}},
	{"unknown type", []byte{3, 0, 0, 0, 0, 0, 2, 99, 0, 0, 0, 0, 1, 2},
		[]Message{{ChunkStream: 3, Type: 99, Body: []byte{1, 2}}}},
}

func TestWires(t *testing.T) {
	for _, c := range wires {
		t.Run(c.name, func(t *testing.T) {
			got := collect(t, NewReader(bytes.NewReader(append(c.in, 3, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0)), wide))
			if len(got) != len(c.want)+1 {
				t.Fatalf("got %d messages: %+v", len(got), got)
			}
			for i, want := range c.want {
				if !same(got[i], want) {
					t.Errorf("message %d is %+v", i, got[i])
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	tight := Limits{Message: 300_000, Partial: 2, Buffered: 400_000}
	start := func(id byte, size int) []byte {
		return append([]byte{id, 0, 0, 0, byte(size >> 16), byte(size >> 8), byte(size), 9, 1, 0, 0, 0}, pattern(min(size, 128))...)
	}
	bigChunks := []byte{2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}
	whole := func(id byte, size, given int) []byte {
		return join(start(id, size)[:12], pattern(given))
	}
	many := []byte{}
	for i := range 1025 {
		many = append(many, 1, byte(i), byte(i>>8), 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0)
	}
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"message too large", start(4, 300_001), ErrLimit},
		{"too many at once", join(start(4, 200), start(5, 200), start(6, 200)), ErrLimit},
		{"too much at once", join(start(4, 300_000), start(5, 300_000), bigChunks, []byte{0xc4}, pattern(300_000-128)), ErrLimit},
		{"too many chunk streams", many, ErrLimit},
		{"type 3 first", []byte{0xc4, 1}, ErrProtocol},
		{"type 2 first", []byte{0x84, 0, 0, 1, 1}, ErrProtocol},
		{"message inside a message", join(start(4, 200), start(4, 200)), ErrProtocol},
		{"chunk size 0", []byte{2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0}, ErrProtocol},
		{"chunk size above 2^31", []byte{2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x80, 0, 0, 0}, ErrProtocol},
		{"short chunk size", []byte{2, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1}, ErrProtocol},
		{"short abort", []byte{2, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1}, ErrProtocol},
		{"cut off in the id", []byte{1, 2}, io.ErrUnexpectedEOF},
		{"cut off in the header", []byte{4, 0, 0}, io.ErrUnexpectedEOF},
		{"cut off in the timestamp", []byte{4, 0xff, 0xff, 0xff, 0, 0, 1, 8, 0, 0, 0, 0, 1}, io.ErrUnexpectedEOF},
		{"cut off in the body", join(bigChunks, whole(4, 1000, 999)), io.ErrUnexpectedEOF},
		{"nothing", nil, io.EOF},
	} {
		r := NewReader(bytes.NewReader(c.in), tight)
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v", c.name, err)
		}
		if r.buffered-firstBuffer > tight.Buffered {
			t.Errorf("%s: held %d bytes", c.name, r.buffered)
		}
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	if err := errors.Join(w.Write(Message{ChunkStream: 4, Type: TypeVideo, Body: pattern(1000)}), w.Flush()); err != nil {
		t.Fatal(err)
	}
	total := uint64(b.Len())
	var seen []uint64
	r := NewReader(&b, wide)
	stop := errors.New("stop")
	r.Progress = func(n uint64) error {
		if seen = append(seen, n); n == total {
			return stop
		}
		return nil
	}
	if _, err := r.Next(); err != stop {
		t.Fatalf("error is %v", err)
	}
	if len(seen) != 8 || seen[0] != 12+128 {
		t.Fatalf("called with %v", seen)
	}
}

func FuzzReader(f *testing.F) {
	for _, c := range wires {
		f.Add(c.in)
	}
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, m := range messages {
		if err := w.Write(m); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	tight := Limits{Message: 100_000, Partial: 4, Buffered: 200_000}
	f.Fuzz(func(t *testing.T, in []byte) {
		var again bytes.Buffer
		w := NewWriter(&again)
		var all []Message
		r := NewReader(bytes.NewReader(in), tight)
		for {
			m, err := r.Next()
			if err != nil {
				break
			}
			if len(m.Body) > tight.Message || m.ChunkStream < 2 || m.ChunkStream > 65599 {
				t.Fatalf("message of %d bytes on chunk stream %d", len(m.Body), m.ChunkStream)
			}
			if err := w.Write(m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		if r.partial > tight.Partial || r.received > uint64(len(in)) {
			t.Fatalf("%d unfinished messages, %d bytes of %d", r.partial, r.received, len(in))
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		r = NewReader(&again, tight)
		for i, want := range all {
			if got, err := r.Next(); err != nil || !same(got, want) {
				t.Fatalf("message %d came back as %+v, %v", i, got, err)
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{128, 4096, 65536} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var wire bytes.Buffer
			w := NewWriter(&wire)
			if err := w.SetChunkSize(size); err != nil {
				b.Fatal(err)
			}
			for i := range 100 {
				if err := w.Write(Message{ChunkStream: 6, Stream: 1, Timestamp: uint32(i), Type: TypeVideo, Body: pattern(10_000)}); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(wire.Len()))
			b.ReportAllocs()
			for b.Loop() {
				r := NewReader(bytes.NewReader(wire.Bytes()), wide)
				for {
					if _, err := r.Next(); err != nil {
						break
					}
				}
			}
		})
	}
}
