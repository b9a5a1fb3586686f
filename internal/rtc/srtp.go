package rtc

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/srtp/v3"
)

// SRTP with AEAD_AES_128_GCM (RFC 7714) is our own: it seals from the shared
// log into scratch memory without a copy. AES_CM_128_HMAC_SHA1_80 is the
// library's, for peers that cannot do better.

// keyLengths of both profiles' master key; salts differ.
const (
	masterKeyLen = 16
	gcmSaltLen   = 12
	cmSaltLen    = 14
	gcmTagLen    = 16
	rtpHeaderLen = 12
)

// Labels of the key derivation (RFC 3711 section 4.3.2).
const (
	labelRTPKey   = 0x00
	labelRTPSalt  = 0x02
	labelRTCPKey  = 0x03
	labelRTCPSalt = 0x05
)

// protection holds one direction's keys. The sealing methods belong to one
// goroutine; any may call openRTCP.
type protection struct {
	rtp, rtcp         cipher.AEAD
	rtpSalt, rtcpSalt [12]byte
	cm                *srtp.Context // of the other profile
	rtcpIndex         uint32        // next index to seal with

	mu    sync.Mutex // guards opening: several sockets read for one session
	taken replays
}

// deriveKey is the AES-CM key derivation with a key derivation rate of 0, for up
// to one block of keys.
func deriveKey(block cipher.Block, salt []byte, label byte, n int) []byte {
	iv := make([]byte, aes.BlockSize)
	copy(iv[:14], salt)
	iv[7] ^= label
	block.Encrypt(iv, iv)
	return iv[:n]
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// newProtection makes one direction from its master key and salt. media asks for
// the keys for RTP as well as for RTCP.
func newProtection(profile srtp.ProtectionProfile, key, salt []byte, media bool) (*protection, error) {
	if profile != srtp.ProtectionProfileAeadAes128Gcm {
		ctx, err := srtp.CreateContext(key, salt, profile,
			srtp.SRTCPReplayProtection(replayWidth), srtp.SRTPReplayProtection(windowSize))
		if err != nil {
			return nil, fmt.Errorf("create SRTP context: %w", err)
		}
		return &protection{cm: ctx}, nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("derive SRTP keys: %w", err)
	}
	p := &protection{}
	if media {
		if p.rtp, err = newGCM(deriveKey(block, salt, labelRTPKey, masterKeyLen)); err != nil {
			return nil, fmt.Errorf("derive SRTP keys: %w", err)
		}
	}
	if p.rtcp, err = newGCM(deriveKey(block, salt, labelRTCPKey, masterKeyLen)); err != nil {
		return nil, fmt.Errorf("derive SRTCP keys: %w", err)
	}
	copy(p.rtpSalt[:], deriveKey(block, salt, labelRTPSalt, gcmSaltLen))
	copy(p.rtcpSalt[:], deriveKey(block, salt, labelRTCPSalt, gcmSaltLen))
	return p, nil
}

// sealRTP seals payload behind the header that dst[at:] begins with, which is
// headerLen bytes long and carries ssrc and the low 16 bits of ext. It returns
// dst cut to the end of the packet. iv is the caller's scratch. payload may be
// dst[at+headerLen:] itself or memory that does not overlap dst.
func (p *protection) sealRTP(dst []byte, at, headerLen int, payload []byte, ssrc uint32, ext int64, iv *[12]byte) ([]byte, error) {
	header := dst[at : at+headerLen]
	if p.cm != nil {
		end := at + headerLen + len(payload)
		copy(dst[at+headerLen:cap(dst)], payload)
		out, err := p.cm.EncryptRTP(nil, dst[at:end:end], nil)
		if err != nil {
			return dst[:at], err
		}
		return append(dst[:at], out...), nil
	}
	binary.BigEndian.PutUint16(iv[0:], 0)
	binary.BigEndian.PutUint32(iv[2:], ssrc)
	binary.BigEndian.PutUint32(iv[6:], uint32(ext>>16))
	binary.BigEndian.PutUint16(iv[10:], uint16(ext))
	for i := range iv {
		iv[i] ^= p.rtpSalt[i]
	}
	return p.rtp.Seal(dst[:at+headerLen], iv[:], payload, header), nil
}

func (p *protection) rtcpIV(iv *[12]byte, ssrc, index uint32) {
	binary.BigEndian.PutUint16(iv[0:], 0)
	binary.BigEndian.PutUint32(iv[2:], ssrc)
	binary.BigEndian.PutUint16(iv[6:], 0)
	binary.BigEndian.PutUint32(iv[8:], index)
	for i := range iv {
		iv[i] ^= p.rtcpSalt[i]
	}
}

const (
	rtcpHeaderLen = 8 // what stays in the clear: the first header and its SSRC
	encryptedFlag = 1 << 31
)

// sealRTCP appends the sealed form of the compound packet plain to dst (RFC
// 7714 section 9).
func (p *protection) sealRTCP(dst, plain []byte) ([]byte, error) {
	if p.cm != nil {
		out, err := p.cm.EncryptRTCP(nil, plain, nil)
		return append(dst, out...), err
	}
	index := p.rtcpIndex & 0x7fffffff
	p.rtcpIndex++
	var iv [12]byte
	p.rtcpIV(&iv, binary.BigEndian.Uint32(plain[4:]), index)
	var aad [rtcpHeaderLen + 4]byte
	copy(aad[:], plain[:rtcpHeaderLen])
	binary.BigEndian.PutUint32(aad[rtcpHeaderLen:], encryptedFlag|index)
	dst = append(dst, plain[:rtcpHeaderLen]...)
	dst = p.rtcp.Seal(dst, iv[:], plain[rtcpHeaderLen:], aad[:])
	return append(dst, aad[rtcpHeaderLen:]...), nil
}

var (
	errShortRTCP    = errors.New("SRTCP packet is too short")
	errReplayedRTCP = errors.New("SRTCP packet was taken before")
)

// openRTCP returns the compound packet that sealed holds, in new memory.
func (p *protection) openRTCP(sealed []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cm != nil {
		return p.cm.DecryptRTCP(nil, sealed, nil)
	}
	if len(sealed) < rtcpHeaderLen+gcmTagLen+4 {
		return nil, errShortRTCP
	}
	ssrc, index := binary.BigEndian.Uint32(sealed[4:]), binary.BigEndian.Uint32(sealed[len(sealed)-4:])&^encryptedFlag
	if !p.taken.fresh(ssrc, index) {
		return nil, errReplayedRTCP
	}
	plain, err := p.openGCM(sealed)
	if err == nil {
		p.taken.take(ssrc, index)
	}
	return plain, err
}

// openGCM is openRTCP for a packet that is long enough, replayed or not.
func (p *protection) openGCM(sealed []byte) ([]byte, error) {
	body, trailer := sealed[rtcpHeaderLen:len(sealed)-4], sealed[len(sealed)-4:]
	word := binary.BigEndian.Uint32(trailer)
	var iv [12]byte
	p.rtcpIV(&iv, binary.BigEndian.Uint32(sealed[4:]), word&^encryptedFlag)
	var aad [rtcpHeaderLen + 4]byte
	copy(aad[:], sealed[:rtcpHeaderLen])
	copy(aad[rtcpHeaderLen:], trailer)
	if word&encryptedFlag == 0 { // authenticated only (section 9.3)
		whole := append(append(make([]byte, 0, len(sealed)), sealed[:len(sealed)-gcmTagLen-4]...), trailer...)
		if _, err := p.rtcp.Open(nil, iv[:], sealed[len(sealed)-gcmTagLen-4:len(sealed)-4], whole); err != nil {
			return nil, fmt.Errorf("authenticate SRTCP: %w", err)
		}
		return append([]byte(nil), sealed[:len(sealed)-gcmTagLen-4]...), nil
	}
	out := append(make([]byte, 0, len(sealed)), sealed[:rtcpHeaderLen]...)
	out, err := p.rtcp.Open(out, iv[:], body, aad[:])
	if err != nil {
		return nil, fmt.Errorf("open SRTCP: %w", err)
	}
	return out, nil
}
