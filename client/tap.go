package client

import (
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
)

// arrival is one RTP packet as it came out of SRTP.
type arrival struct {
	raw []byte
	at  time.Time
}

// tap hands over every RTP packet the moment that it is decrypted. The library
// gives repeats to the application only when it next reads an ordinary packet,
// and counts no arrival times.
type tap struct {
	interceptor.NoOp
	to   chan<- arrival
	done <-chan struct{}
}

// NewInterceptor is interceptor.Factory; there is one connection per tap.
func (t *tap) NewInterceptor(string) (interceptor.Interceptor, error) { return t, nil }

// BindRemoteStream is called for each stream and for its stream of repeats.
func (t *tap) BindRemoteStream(_ *interceptor.StreamInfo, r interceptor.RTPReader) interceptor.RTPReader {
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, a, err := r.Read(b, a)
		if err == nil {
			select {
			case t.to <- arrival{append([]byte(nil), b[:n]...), time.Now()}:
			case <-t.done:
			}
		}
		return n, a, err
	})
}

// registry is what a player's connection does by itself: reports and
// transport-wide feedback.
func (t *tap) registry() (*interceptor.Registry, error) {
	silent := quiet()
	ic := &interceptor.Registry{}
	ic.Add(t)
	reports, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(silent))
	if err != nil {
		return nil, err
	}
	ic.Add(reports)
	wide, err := twcc.NewSenderInterceptor(twcc.WithLoggerFactory(silent))
	if err != nil {
		return nil, err
	}
	ic.Add(wide)
	return ic, nil
}
