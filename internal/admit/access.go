package admit

import (
	"slices"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

// checkAccess makes the checks of a domain's access rules, but for the signature.
func checkAccess(d *catalog.Domain, q catalog.Request) error {
	switch {
	case d.Status == catalog.Offline:
		return denied(reason.DomainOffline, "domain %s is offline", d.Name)
	case len(d.Prohibited) > 0 && slices.Contains(d.Prohibited, q.Protocol):
		return denied(reason.Prohibited, "domain %s does not take %s", d.Name, q.Protocol)
	case !d.Addresses.Take(q.RemoteAddr):
		return denied(reason.Address, "domain %s does not take this address", d.Name)
	case !d.Referers.Take(q.Referer) && overHTTP(q.Protocol):
		return denied(reason.Referer, "domain %s does not take this referer", d.Name)
	}
	return nil
}

// overHTTP says whether a protocol has referers.
func overHTTP(p catalog.Protocol) bool {
	return p != catalog.RTMP && p != catalog.RTMPS && p != catalog.SRT
}

// checkMode says whether a protocol goes with the latency mode of a streaming
// domain. what is "publish" or "play".
func checkMode(m catalog.Mode, p catalog.Protocol, what string) error {
	webRTC := p == catalog.ARTC || p == catalog.WHIP || p == catalog.WHEP
	switch {
	case m == catalog.Off && webRTC:
		return denied(reason.Mode, "RTS is off for this domain: %s by another protocol than %s", what, p)
	case m == catalog.HalfSecond && (!webRTC || p == catalog.WHEP && what == "publish" || p == catalog.WHIP && what == "play"):
		return denied(reason.Mode, "this domain is in half-second mode: %s by %s, not by %s", what, modeWays[what], p)
	}
	return nil
}

var modeWays = map[string]string{"publish": "WHIP or ARTC", "play": "WHEP or ARTC"}
