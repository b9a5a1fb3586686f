package rtc

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pion/rtp"
)

var errShortRTP = errors.New("SRTP packet is too short")

// openRTP opens sealed, whose header is h, headerLen bytes long, and whose
// extended sequence number is ext. The payload with its padding goes into dst,
// which is grown where it is too small, so that it is never part of sealed.
// iv is the caller's scratch. Replays are the caller's to refuse; the library's
// profile refuses them itself, and guesses the extended number itself.
func (p *protection) openRTP(dst, sealed []byte, h *rtp.Header, headerLen int, ext int64, iv *[12]byte) ([]byte, error) {
	if p.cm != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		out, err := p.cm.DecryptRTP(dst[:0], sealed, h)
		if err != nil || len(out) < headerLen {
			return nil, fmt.Errorf("open SRTP: %w", errors.Join(err))
		}
		return out[headerLen:], nil
	}
	if len(sealed) < headerLen+gcmTagLen {
		return nil, errShortRTP
	}
	binary.BigEndian.PutUint16(iv[0:], 0)
	binary.BigEndian.PutUint32(iv[2:], h.SSRC)
	binary.BigEndian.PutUint32(iv[6:], uint32(ext>>16))
	binary.BigEndian.PutUint16(iv[10:], uint16(ext))
	for i := range iv {
		iv[i] ^= p.rtpSalt[i]
	}
	if need := len(sealed) - headerLen - gcmTagLen; cap(dst) < need {
		dst = make([]byte, 0, need)
	}
	return p.rtp.Open(dst[:0], iv[:], sealed[headerLen:], sealed[:headerLen])
}
