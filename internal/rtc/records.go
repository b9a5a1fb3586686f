package rtc

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"

	"github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol"
	"github.com/pion/dtls/v3/pkg/protocol/alert"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
)

// records reads and writes the alerts of an established association. It keeps
// the bare keys: most associations see one alert in their life, and the ciphers
// of both directions take twenty times the memory.
type records struct {
	key  [2][16]byte // of ours, of the peer's
	iv   [2][4]byte
	next uint64 // record number of the next alert out
}

func (r *records) cipher() (*ciphersuite.GCM, error) {
	c, err := ciphersuite.NewGCM(r.key[0][:], r.iv[0][:], r.key[1][:], r.iv[1][:])
	if err != nil {
		return nil, fmt.Errorf("make DTLS cipher: %w", err)
	}
	return c, nil
}

// masterSecret takes what the library writes for key logs: a label, the client's
// random and the secret, in hexadecimal.
type masterSecret struct{ client, secret []byte }

var errKeyLog = errors.New("DTLS key log: unexpected line")

func (m *masterSecret) Write(line []byte) (int, error) {
	f := bytes.Fields(line)
	if len(f) != 3 {
		return 0, errKeyLog
	}
	client, err := hex.DecodeString(string(f[1]))
	if err != nil {
		return 0, errKeyLog
	}
	secret, err := hex.DecodeString(string(f[2]))
	if err != nil {
		return 0, errKeyLog
	}
	m.client, m.secret = client, secret
	return len(line), nil
}

// newRecords derives the record keys (RFC 5246 section 6.3) of the association
// that p carried.
func newRecords(p *pipe, m *masterSecret, client bool) (*records, error) {
	p.mu.Lock()
	server, next := p.random, p.next
	p.mu.Unlock()
	if m.secret == nil || server == nil {
		return nil, errors.New("derive DTLS keys: the handshake told no secret")
	}
	k, err := prf.GenerateEncryptionKeys(m.secret, m.client, server, 0, 16, 4, sha256.New)
	if err != nil {
		return nil, fmt.Errorf("derive DTLS keys: %w", err)
	}
	clients, servers := 0, 1 // whose side of key and iv is whose
	if !client {
		clients, servers = 1, 0
	}
	r := &records{next: next}
	copy(r.key[clients][:], k.ClientWriteKey)
	copy(r.iv[clients][:], k.ClientWriteIV)
	copy(r.key[servers][:], k.ServerWriteKey)
	copy(r.iv[servers][:], k.ServerWriteIV)
	return r, nil
}

// eachRecord yields the whole records of a datagram (RFC 6347 section 4.1).
func eachRecord(datagram []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(datagram) >= recordHeaderLen {
			n := recordHeaderLen + int(binary.BigEndian.Uint16(datagram[11:]))
			if n > len(datagram) || !yield(datagram[:n]) {
				return
			}
			datagram = datagram[n:]
		}
	}
}

func epochOf(record []byte) uint16 { return binary.BigEndian.Uint16(record[3:]) }

// noteHello keeps the random of a ServerHello that goes by (RFC 5246 section
// 7.4.1.3): the library does not tell it. The caller holds p.mu.
func (p *pipe) noteHello(datagram []byte) {
	const serverHello, version, random = 2, 12, 14 // the message's type; offsets in it
	for record := range eachRecord(datagram) {
		m := record[recordHeaderLen:]
		if record[0] == contentHandshake && epochOf(record) == 0 && len(m) >= random+32 &&
			m[0] == serverHello && m[6]|m[7]|m[8] == 0 && m[version] == 0xfe { // its first fragment
			p.random = bytes.Clone(m[random : random+32])
		}
	}
}

// noteNumbers keeps count of the protected records in a datagram of ours: their
// numbers are nonces. The caller holds p.mu.
func (p *pipe) noteNumbers(datagram []byte) {
	for record := range eachRecord(datagram) {
		if epochOf(record) == 1 {
			p.next = max(p.next, binary.BigEndian.Uint64(record[3:])&(1<<48-1)+1)
		}
	}
}

// closes says whether datagram holds an authentic close_notify or fatal alert.
func (r *records) closes(datagram []byte) bool {
	for record := range eachRecord(datagram) {
		var h recordlayer.Header
		if record[0] != contentAlert || epochOf(record) == 0 || h.Unmarshal(record) != nil {
			continue
		}
		c, err := r.cipher()
		if err != nil {
			return false
		}
		plain, err := c.Decrypt(h, bytes.Clone(record))
		if err != nil || len(plain) < recordHeaderLen+2 {
			continue
		}
		level, description := alert.Level(plain[recordHeaderLen]), alert.Description(plain[recordHeaderLen+1])
		if level == alert.Fatal || description == alert.CloseNotify {
			return true
		}
	}
	return false
}

// closeNotify returns the datagram that says goodbye.
func (r *records) closeNotify() ([]byte, error) {
	record := &recordlayer.RecordLayer{
		Header: recordlayer.Header{
			ContentType: protocol.ContentTypeAlert, Version: protocol.Version1_2, Epoch: 1, SequenceNumber: r.next,
		},
		Content: &alert.Alert{Level: alert.Warning, Description: alert.CloseNotify},
	}
	r.next++
	raw, err := record.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write close_notify: %w", err)
	}
	c, err := r.cipher()
	if err != nil {
		return nil, err
	}
	return c.Encrypt(record, raw)
}
