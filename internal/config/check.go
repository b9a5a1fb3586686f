package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BadValue is a setting that can not be used as it is.
type BadValue struct {
	Key   string // as on the command line, without the dashes
	Value string
	Why   string // a clause: "has no port, as in :8080"
}

func (e *BadValue) Error() string { return fmt.Sprintf("%s: %q %s", e.Key, e.Value, e.Why) }

// check looks at each setting by itself, then at what must not be the same.
func (c Config) check() error {
	if strings.TrimSpace(c.DataDir) == "" {
		return &BadValue{"data-dir", c.DataDir, "is not a directory name"}
	}
	type address struct{ key, value string }
	all := []address{{"http-addr", c.HTTPAddr}, {"rtmp-addr", c.RTMPAddr}, {"rtc-addr", c.RTCAddr}, {"admin-addr", c.AdminAddr}}
	if c.HTTPSAddr != "" {
		all = append(all, address{"https-addr", c.HTTPSAddr})
	}
	if c.RTMPSAddr != "" {
		all = append(all, address{"rtmps-addr", c.RTMPSAddr})
	}
	if c.SRTAddr != "" {
		all = append(all, address{"srt-addr", c.SRTAddr})
	}
	for i, a := range all {
		if why := badAddress(a.value); why != "" {
			return &BadValue{a.key, a.value, why}
		}
		for _, b := range all[:i] {
			if a.value == b.value && !strings.HasSuffix(a.value, ":0") {
				return &BadValue{a.key, a.value, "is taken by " + b.key}
			}
		}
	}
	for _, ip := range c.RTCIPs {
		if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() {
			return &BadValue{"rtc-ip", ip.String(), "is not an address that a viewer could send to"}
		}
	}
	if n := len(c.SRTPassphrase); n != 0 && (n < 10 || n > 79) {
		return &BadValue{"srt-passphrase", "...", "has not 10 to 79 characters"}
	}
	if c.SRTLatency < 0 || c.SRTLatency > maxLatency {
		return &BadValue{"srt-latency", c.SRTLatency.String(), "is not from 0s to 10s"}
	}
	if c.StreamQuota < 0 {
		return &BadValue{"stream-quota", strconv.Itoa(c.StreamQuota), "is less than 0"}
	}
	if c.AuditMiB < 1 || c.AuditMiB > maxAuditMiB {
		return &BadValue{"audit-mib", strconv.Itoa(c.AuditMiB), "is not from 1 to 4096"}
	}
	if c.TailMiB < 1 || c.TailMiB > maxTailMiB {
		return &BadValue{"tail-mib", strconv.Itoa(c.TailMiB), "is not from 1 to 4096"}
	}
	if c.TailAge < minTailAge || c.TailAge > maxTailAge {
		return &BadValue{"tail-age", c.TailAge.String(), "is not from 5s to 5m"}
	}
	return firstBad(
		c.checkACME(),
		c.checkRelays(),
		oneOf("rts-mode", c.RTSMode, "", "sub-second", "half-second"),
		oneOf("take-over", c.TakeOver, "when-silent", "always"),
		oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error"),
		oneOf("log-format", c.LogFormat, "text", "json"),
	)
}

func (c Config) checkACME() error {
	if !c.ACME {
		return nil
	}
	if c.HTTPSAddr == "" && c.RTMPSAddr == "" {
		return &BadValue{"acme", "true", "has nothing to serve certificates at: give --https-addr or --rtmps-addr"}
	}
	if u, err := url.Parse(c.ACMECA); err != nil || u.Scheme != "https" || u.Host == "" {
		return &BadValue{"acme-ca", c.ACMECA, "is not an https:// URL"}
	}
	return nil
}

// maxLatency bounds how long SRT holds packets back: it keeps that much of each
// connection.
const maxLatency = 10 * time.Second

const maxAuditMiB = 4096

// Bounds of a stream's tail. Slow readers are given three seconds, and what is
// older than the tail cannot be sent again.
const (
	maxTailMiB = 4096
	minTailAge = 5 * time.Second
	maxTailAge = 5 * time.Minute
)

// badAddress says what is wrong with an address to listen on, or "".
func badAddress(s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		if strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "[") {
			return "wants brackets around an IPv6 address, as in [::1]:8080"
		}
		return "has no port, as in :8080 or 127.0.0.1:8080"
	}
	if strings.ContainsAny(host, " /\\@?#\t\r\n") {
		return "holds a host that is none"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "wants a port from 0 to 65535"
	}
	return ""
}

func oneOf(key, value string, words ...string) error {
	if slices.Contains(words, value) {
		return nil
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	return &BadValue{key, value, "is not one of " + strings.Join(words, ", ")}
}

func firstBad(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
