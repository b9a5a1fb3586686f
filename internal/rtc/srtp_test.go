package rtc

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"pgregory.net/rapid"
)

var profiles = map[string]struct {
	profile srtp.ProtectionProfile
	salt    int
}{
	"GCM": {srtp.ProtectionProfileAeadAes128Gcm, gcmSaltLen},
	"CM":  {srtp.ProtectionProfileAes128CmHmacSha1_80, cmSaltLen},
}

// fatal is what tests and property tests share.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

func masterKeys(salt int) ([]byte, []byte) {
	key, s := make([]byte, masterKeyLen), make([]byte, salt)
	for i := range key {
		key[i] = byte(i*31 + 5)
	}
	for i := range s {
		s[i] = byte(i*17 + 9)
	}
	return key, s
}

// newPair returns our end and the reference's of one direction.
func newPair(t fatal, name string, seals bool) (*protection, *srtp.Context) {
	t.Helper()
	p := profiles[name]
	key, salt := masterKeys(p.salt)
	ours, err := newProtection(p.profile, key, salt, seals)
	if err != nil {
		t.Fatalf("our keys: %v", err)
	}
	theirs, err := srtp.CreateContext(key, salt, p.profile)
	if err != nil {
		t.Fatalf("reference keys: %v", err)
	}
	return ours, theirs
}

// sealOne seals one packet whose number is ext, behind some bytes of others.
func sealOne(t fatal, p *protection, ssrc uint32, ext int64, payload []byte) []byte {
	t.Helper()
	const at = 24
	header, err := (&rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: uint16(ext), SSRC: ssrc, Timestamp: 9}).Marshal()
	if err != nil {
		t.Fatalf("header: %v", err)
	}
	dst := make([]byte, at, 4096)
	dst = append(dst, header...)
	var iv [12]byte
	out, err := p.sealRTP(dst, at, len(header), payload, ssrc, ext, &iv)
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	if !bytes.Equal(out[:at], make([]byte, at)) {
		t.Fatalf("bytes before the packet changed")
	}
	return out[at:]
}

// The reference reads what we seal, past two roll-overs of the 16-bit number,
// with packets lost on the way.
func TestSealRTPRollOver(t *testing.T) {
	for name := range profiles {
		t.Run(name, func(t *testing.T) {
			ours, theirs := newPair(t, name, true)
			const ssrc = 0x11223344
			for ext := int64(65_000); ext < 1<<17+500; ext += 1 + ext%13*7 {
				payload := bytes.Repeat([]byte{byte(ext)}, int(ext%1150)+1)
				sealed := sealOne(t, ours, ssrc, ext, payload)
				if name == "GCM" && len(sealed) != rtpHeaderLen+len(payload)+gcmTagLen {
					t.Fatalf("%d bytes became %d", len(payload), len(sealed))
				}
				plain, err := theirs.DecryptRTP(nil, sealed, nil)
				if err != nil {
					t.Fatalf("packet %d: %v", ext, err)
				}
				if !bytes.Equal(plain[rtpHeaderLen:], payload) {
					t.Fatalf("packet %d: the payload changed", ext)
				}
			}
			if roc, _ := theirs.ROC(ssrc); roc != 2 {
				t.Fatalf("the reference counted %d roll-overs, want 2", roc)
			}
		})
	}
}

// Sealing in place, as retransmissions do, gives the same bytes.
func TestSealRTPInPlace(t *testing.T) {
	ours, _ := newPair(t, "GCM", true)
	payload := []byte("the same to the bit")
	want := sealOne(t, ours, 7, 70_000, payload)
	buf := make([]byte, rtpHeaderLen, 256)
	copy(buf, want[:rtpHeaderLen])
	body := append(buf[rtpHeaderLen:rtpHeaderLen], payload...)
	var iv [12]byte
	got, err := ours.sealRTP(buf, 0, rtpHeaderLen, body, 7, 70_000, &iv)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("in place: %x, %v; want %x", got, err, want)
	}
}

func TestTamperedRTPIsRefused(t *testing.T) {
	for name := range profiles {
		ours, theirs := newPair(t, name, true)
		sealed := sealOne(t, ours, 7, 100, []byte("payload"))
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			if _, err := theirs.DecryptRTP(nil, bad, nil); err == nil {
				t.Fatalf("%s: a change of byte %d went unnoticed", name, i)
			}
		}
	}
}

func compound(t fatal, ssrc uint32, lost ...uint16) []byte {
	t.Helper()
	b, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: ssrc, Reports: []rtcp.ReceptionReport{{SSRC: 9, FractionLost: 3, LastSequenceNumber: 5}}},
		&rtcp.TransportLayerNack{SenderSSRC: ssrc, MediaSSRC: 9, Nacks: rtcp.NackPairsFromSequenceNumbers(lost)},
	})
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return b
}

// Both directions of SRTCP agree with the reference, packet after packet.
func TestRTCPBothWays(t *testing.T) {
	for name := range profiles {
		t.Run(name, func(t *testing.T) {
			out, theirIn := newPair(t, name, true)
			in, theirOut := newPair(t, name, false)
			for i := range uint16(300) {
				plain := compound(t, uint32(i%3), i, i+5)
				sealed, err := out.sealRTCP([]byte("before"), plain)
				if err != nil || !bytes.HasPrefix(sealed, []byte("before")) {
					t.Fatalf("seal %d: %v", i, err)
				}
				got, err := theirIn.DecryptRTCP(nil, sealed[len("before"):], nil)
				if err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("reference opens %d: %v", i, err)
				}
				if sealed, err = theirOut.EncryptRTCP(nil, plain, nil); err != nil {
					t.Fatal(err)
				}
				before := bytes.Clone(sealed)
				got, err = in.openRTCP(sealed)
				if err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("open %d: %v", i, err)
				}
				if !bytes.Equal(before, sealed) {
					t.Fatalf("open %d changed its input", i)
				}
			}
		})
	}
}

// Authenticated only is for the sender to choose (RFC 7714 section 9.3).
func TestRTCPAuthenticatedOnly(t *testing.T) {
	key, salt := masterKeys(gcmSaltLen)
	theirs, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm, srtp.SRTCPNoEncryption())
	if err != nil {
		t.Fatal(err)
	}
	in, _ := newPair(t, "GCM", false)
	plain := compound(t, 3, 10, 11)
	sealed, err := theirs.EncryptRTCP(nil, plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(sealed, plain) {
		t.Fatal("the reference encrypted after all")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := in.openRTCP(bad); err == nil {
			t.Fatalf("a change of byte %d went unnoticed", i)
		}
	}
	got, err := in.openRTCP(sealed)
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("open: %v", err)
	}
}

func TestTamperedRTCPIsRefused(t *testing.T) {
	for name := range profiles {
		in, theirs := newPair(t, name, false)
		sealed, err := theirs.EncryptRTCP(nil, compound(t, 3, 10), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			if _, err := in.openRTCP(bad); err == nil {
				t.Fatalf("%s: a change of byte %d went unnoticed", name, i)
			}
		}
		for n := range sealed {
			if _, err := in.openRTCP(sealed[:n]); err == nil {
				t.Fatalf("%s: the first %d bytes were taken", name, n)
			}
		}
		if _, err := in.openRTCP(sealed); err != nil {
			t.Fatalf("%s: untouched: %v", name, err)
		}
	}
}

// A packet counts once, in whatever order packets come (RFC 3711 section 3.3.2).
func TestReplayedRTCPIsRefused(t *testing.T) {
	for name := range profiles {
		t.Run(name, func(t *testing.T) {
			in, theirs := newPair(t, name, false)
			var all [][]byte
			for i := range uint32(200) {
				sealed, err := theirs.EncryptRTCP(nil, compound(t, 3+i%2, uint16(i)), nil)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, sealed)
			}
			for _, i := range []int{10, 11, 0, 5, 4, 60, 2, 41, 100, 199} {
				if _, err := in.openRTCP(all[i]); err != nil {
					t.Fatalf("packet %d: %v", i, err)
				}
				if _, err := in.openRTCP(all[i]); err == nil {
					t.Fatalf("packet %d was taken twice", i)
				}
			}
			if _, err := in.openRTCP(all[1]); err == nil {
				t.Fatal("a packet from before the window was taken")
			}
		})
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of RFC 7714 sections 16.1.1 and 17.1.
func TestRFC7714(t *testing.T) {
	key := unhex(t, "000102030405060708090a0b0c0d0e0f")
	p := &protection{}
	var err error
	if p.rtp, err = newGCM(key); err != nil {
		t.Fatal(err)
	}
	p.rtcp = p.rtp
	copy(p.rtpSalt[:], unhex(t, "517569642070726f2071756f"))
	p.rtcpSalt = p.rtpSalt

	header := unhex(t, "8040f17b 8041f8d3 5501a0b2")
	payload := unhex(t, "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573")
	want := unhex(t, `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
		0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`)
	dst := append(make([]byte, 0, 128), header...)
	var iv [12]byte
	got, err := p.sealRTP(dst, 0, len(header), payload, 0x5501a0b2, 0xf17b, &iv)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("RTP: %x, %v", got, err)
	}

	plain := unhex(t, `81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
		deadbeef deadbeef deadbeef deadbeef deadbeef`)
	want = unhex(t, `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
		c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`)
	p.rtcpIndex = 0x5d4
	if got, err = p.sealRTCP(nil, plain); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("RTCP: %x, %v", got, err)
	}
	if got, err = p.openRTCP(want); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("open RTCP: %x, %v", got, err)
	}
}

// Any payload, number and source: the reference agrees.
func TestSealRTPProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs := newPair(t, "GCM", true)
		ssrc := rapid.Uint32().Draw(t, "ssrc")
		roc := rapid.Uint32Range(0, 1<<20).Draw(t, "roc")
		low := rapid.Uint16().Draw(t, "low")
		payload := rapid.SliceOfN(rapid.Byte(), 1, 1200).Draw(t, "payload")
		theirs.SetROC(ssrc, roc)
		sealed := sealOne(t, ours, ssrc, int64(roc)<<16|int64(low), payload)
		plain, err := theirs.DecryptRTP(nil, sealed, nil)
		if err != nil || !bytes.Equal(plain[rtpHeaderLen:], payload) {
			t.Fatalf("the reference reads %x, %v", plain, err)
		}
	})
}

func FuzzOpenRTCP(f *testing.F) {
	for name := range profiles {
		_, theirs := newPair(f, name, false)
		sealed, err := theirs.EncryptRTCP(nil, compound(f, 3, 10), nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sealed)
	}
	f.Add([]byte{0x80, 201, 0, 1})
	f.Add(make([]byte, rtcpHeaderLen+gcmTagLen+4))
	f.Fuzz(func(t *testing.T, b []byte) {
		for name := range profiles {
			in, _ := newPair(t, name, false)
			before := bytes.Clone(b)
			plain, err := in.openRTCP(b)
			if err == nil && len(plain) >= len(b) {
				t.Fatalf("%s: %d bytes opened to %d", name, len(b), len(plain))
			}
			if !bytes.Equal(before, b) {
				t.Fatalf("%s: the input changed", name)
			}
		}
	})
}
