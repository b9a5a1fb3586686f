package node

import (
	"errors"

	"millrace/internal/live"
	"millrace/internal/rtc"
	"millrace/internal/wire/sdp"
)

// peers is the WebRTC room as package signal wants it.
type peers struct{ *rtc.Server }

// Publish implements signal.Peers.
func (p peers) Publish(offer *sdp.Offer, rec sdp.Reception, pub *live.Publisher) (string, sdp.Transport, error) {
	if r, ok := any(p.Server).(interface {
		Publish(*sdp.Offer, sdp.Reception, *live.Publisher) (string, sdp.Transport, error)
	}); ok {
		return r.Publish(offer, rec, pub)
	}
	return "", sdp.Transport{}, errors.New("receiving is off")
}

// Restart implements signal.Peers.
func (p peers) Restart(id, ufrag, pwd string) (sdp.Transport, error) {
	if r, ok := any(p.Server).(interface {
		Restart(id, ufrag, pwd string) (sdp.Transport, error)
	}); ok {
		return r.Restart(id, ufrag, pwd)
	}
	return sdp.Transport{}, errors.New("ICE restarts are off")
}
