// Package acme tests a running node against Pebble, a certificate authority for
// tests. It is a module of its own, so that the product does not depend on that.
package acme

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// patience is a liveness bound: what takes longer has hung.
const patience = 60 * time.Second

const domain = "live.streaming.example.com"

// A domain that comes into the catalog gets a certificate from the authority and
// is served with it; another name gets the node's own. A restart does not ask
// again.
func TestCertificateFromAuthority(t *testing.T) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	dir := t.TempDir()
	binary := filepath.Join(dir, "millrace")
	build := exec.Command("go", "build", "-o", binary, "./cmd/millrace")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	authority := newAuthority(t, dir)
	data := filepath.Join(dir, "data")
	n := serve(t, binary, data, authority)
	authority.open(t, n)

	if c := served(t, n, domain); c.Issuer.CommonName != "" && strings.Contains(c.Issuer.CommonName, "Pebble") {
		t.Fatalf("before: a certificate of %s", c.Issuer)
	}
	addDomain(t, binary, data)
	deadline := time.Now().Add(patience)
	for !strings.Contains(served(t, n, domain).Issuer.CommonName, "Pebble") {
		if time.Now().After(deadline) {
			t.Fatalf("no certificate; the authority's log:\n%s", authority.log.String())
		}
		<-time.After(100 * time.Millisecond)
	}
	c := served(t, n, domain)
	if err := c.VerifyHostname(domain); err != nil {
		t.Error(err)
	}
	if other := served(t, n, "play.localhost"); strings.Contains(other.Issuer.CommonName, "Pebble") {
		t.Errorf("another name is served with a certificate of %s", other.Issuer)
	}
	if mode := mustStat(t, filepath.Join(data, "acme")).Mode().Perm(); mode&0o077 != 0 {
		t.Errorf("the keys' folder has mode %o", mode)
	}

	n.stop()
	orders := authority.orders.Load()
	n = serve(t, binary, data, authority)
	for !served(t, n, domain).Equal(c) {
		if time.Now().After(deadline) {
			t.Fatal("after a restart another certificate is served")
		}
		<-time.After(100 * time.Millisecond)
	}
	if got := authority.orders.Load(); got != orders {
		t.Errorf("%d orders after a restart", got-orders)
	}
}

// authority is a Pebble in this process.
type authority struct {
	directory string // URL
	roots     string // file that its server is trusted by
	resolver  string // that all names are 127.0.0.1 for
	log       *bytes.Buffer
	handler   atomic.Pointer[http.Handler]
	orders    atomic.Int64
}

// newAuthority opens the authority's ports; it answers when it knows the node.
func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{log: &bytes.Buffer{}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/order-plz") {
			a.orders.Add(1)
		}
		(*a.handler.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.directory = server.URL + wfe.DirectoryPath
	a.roots = filepath.Join(dir, "roots.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(a.roots, block, 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Listen("tcp", "127.0.0.1:0") // which Pebble asks over
	if err != nil {
		t.Fatal(err)
	}
	names := &dns.Server{Listener: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			head := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}
			m.Answer = append(m.Answer, &dns.A{Hdr: head, A: net.IPv4(127, 0, 0, 1)})
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = names.ActivateAndServe() }()
	t.Cleanup(func() { _ = names.Shutdown() })
	a.resolver = conn.Addr().String()
	return a
}

// open has the authority check names at a node's ports.
func (a *authority) open(t *testing.T, n *node) {
	t.Helper()
	logger := log.New(a.log, "", 0)
	store := db.NewMemoryStore()
	profiles := map[string]ca.Profile{"default": {Description: "all"}}
	issuer := ca.New(logger, store, "", "ecdsa", 0, 1, profiles)
	checks := va.New(logger, port(t, n.http), port(t, n.https), false, a.resolver, store)
	front := wfe.New(logger, store, checks, issuer, []string{"pebble.test"}, false, false, 1, 1)
	h := front.Handler()
	a.handler.Store(&h)
}

func port(t *testing.T, addr string) int {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// node is a server that runs.
type node struct {
	http, https string // host:port
	stop        func()
}

func serve(t *testing.T, binary, data string, a *authority) *node {
	t.Helper()
	args := []string{"serve", "--data-dir", data, "--acme", "--acme-ca", a.directory, "--acme-roots", a.roots}
	for _, f := range []string{"http", "https", "rtmp", "rtc", "admin"} {
		args = append(args, "--"+f+"-addr", "127.0.0.1:0")
	}
	cmd := exec.Command(binary, append(args, "--srt-addr", "off")...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(2*patience, func() { _ = cmd.Process.Kill() })
	stopped := false
	n := &node{stop: func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended by %v", err)
		}
		kill.Stop()
		if t.Failed() {
			t.Log(said.String())
		}
	}}
	t.Cleanup(n.stop)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		for _, m := range regexp.MustCompile(`(https?)://[^/:\s]+:(\d+)`).FindAllStringSubmatch(lines.Text(), -1) {
			switch addr := "127.0.0.1:" + m[2]; {
			case m[1] == "http" && n.http == "":
				n.http = addr
			case m[1] == "https" && n.https == "":
				n.https = addr
			}
		}
		if strings.HasPrefix(strings.TrimSpace(lines.Text()), "Stop ") {
			break
		}
	}
	if n.http == "" || n.https == "" {
		t.Fatalf("the banner names no ports: %+v", n)
	}
	return n
}

// served is the certificate that a client who names a domain is shown.
func served(t *testing.T, n *node, name string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", n.https, &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // it is looked at
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// addDomain puts the domain into the catalog of a running node.
func addDomain(t *testing.T, binary, data string) {
	t.Helper()
	run := func(in string, args ...string) string {
		cmd := exec.Command(binary, append([]string{"catalog"}, args...)...)
		cmd.Stdin = strings.NewReader(in)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("millrace catalog %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	all := run("", "export", "--data-dir", data)
	with := strings.Replace(all, "domains:\n", "domains:\n- name: "+domain+"\n  type: streaming\n", 1)
	file := filepath.Join(t.TempDir(), "catalog.yaml")
	if err := os.WriteFile(file, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	run("", "import", file, "--data-dir", data)
}

func mustStat(t *testing.T, name string) os.FileInfo {
	t.Helper()
	i, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
