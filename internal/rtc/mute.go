package rtc

import "github.com/pion/logging"

// mute is the log of the DTLS library, whose errors are returned. Its own one
// reads the environment for each handshake.
type mute struct{}

func (mute) NewLogger(string) logging.LeveledLogger { return mute{} }

func (mute) Trace(string)          {}
func (mute) Tracef(string, ...any) {}
func (mute) Debug(string)          {}
func (mute) Debugf(string, ...any) {}
func (mute) Info(string)           {}
func (mute) Infof(string, ...any)  {}
func (mute) Warn(string)           {}
func (mute) Warnf(string, ...any)  {}
func (mute) Error(string)          {}
func (mute) Errorf(string, ...any) {}
