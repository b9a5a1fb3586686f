package client

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

// A server that answers no check for silence is taken for gone after failure
// more. Checks are made every second, and media counts as well.
const (
	checkEvery = 1 * time.Second
	silence    = 3 * time.Second
	failure    = 2 * time.Second
)

// gatherTimeout bounds the search for addresses of ours. The server finds them
// by our checks anyhow.
const gatherTimeout = 200 * time.Millisecond

// peer is one transport to a server, from the offer to its end.
type peer struct {
	pc        *webrtc.PeerConnection
	exchange  *exchange
	answer    string   // once established
	session   *url.URL // of WHIP and WHEP
	connected chan struct{}
	down      chan struct{} // closed when the transport has ended by itself
	up, end   sync.Once
	err       error // why; set before down is closed
}

// newPeer makes a transport that nothing has been asked for yet.
func newPeer(x *exchange, engine *webrtc.MediaEngine, ic *interceptor.Registry) (*peer, error) {
	se := webrtc.SettingEngine{LoggerFactory: quiet()}
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetIncludeLoopbackCandidate(x.address.local())
	se.SetICETimeouts(silence, failure, checkEvery)
	se.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(se), webrtc.WithInterceptorRegistry(ic))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("make transport: %w", err)
	}
	p := &peer{pc: pc, exchange: x, connected: make(chan struct{}), down: make(chan struct{})}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			p.up.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateFailed:
			p.fail(ErrLost)
		}
	})
	return p, nil
}

// quiet is what the libraries log with: what concerns a program is returned to
// it, and its standard error is its own.
func quiet() *logging.DefaultLoggerFactory {
	return &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
}

func (p *peer) fail(err error) {
	p.end.Do(func() { p.err = err; close(p.down) })
}

// establish makes the offer, has it answered and waits until media can flow.
// check may refuse the answer.
func (p *peer) establish(ctx context.Context, check func(answer string) error) error {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("make offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("make offer: %w", err)
	}
	limit := time.NewTimer(gatherTimeout)
	defer limit.Stop()
	select {
	case <-gathered:
	case <-limit.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.answer, p.session, err = p.exchange.offer(ctx, p.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	if err := check(p.answer); err != nil {
		return err
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.answer}); err != nil {
		return &answerError{printable(err.Error())}
	}
	p.watchGoodbye()
	return p.await(ctx)
}

// watchGoodbye notices the server's DTLS close_notify, which is how it ends a
// session.
func (p *peer) watchGoodbye() {
	transport := p.transport()
	if transport == nil {
		return
	}
	transport.OnStateChange(func(s webrtc.DTLSTransportState) {
		switch s {
		case webrtc.DTLSTransportStateClosed:
			p.fail(ErrGoodbye)
		case webrtc.DTLSTransportStateFailed:
			p.fail(ErrLost)
		}
	})
}

// transport is the one that all media share.
func (p *peer) transport() *webrtc.DTLSTransport {
	for _, t := range p.pc.GetTransceivers() {
		if s := t.Sender(); s != nil && s.Transport() != nil {
			return s.Transport()
		}
		if r := t.Receiver(); r != nil && r.Transport() != nil {
			return r.Transport()
		}
	}
	return nil
}

func (p *peer) await(ctx context.Context) error {
	limit := time.NewTimer(p.exchange.timeout)
	defer limit.Stop()
	select {
	case <-p.connected:
		return nil
	case <-p.down:
		return p.err
	case <-limit.C:
		return ErrTimeout
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close says goodbye, to the resource if there is one and by DTLS, and waits for everything that runs for the transport.
func (p *peer) close(ctx context.Context) {
	select {
	case <-p.down: // the server has ended the session, or nobody is there
	default:
		p.exchange.remove(context.WithoutCancel(ctx), p.session)
	}
	_ = p.pc.GracefulClose()
}

// rtt is the round-trip time of the newest check that was answered; 0: none yet.
func (p *peer) rtt() time.Duration {
	transport := p.transport()
	if transport == nil {
		return 0
	}
	s, _ := transport.ICETransport().GetSelectedCandidatePairStats()
	return time.Duration(s.CurrentRoundTripTime * float64(time.Second))
}
