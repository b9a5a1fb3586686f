// Package openapi tests a running node with the official Go client. It is a
// module of its own, so that the product does not depend on that client.
package openapi

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/live"
)

// patience is a liveness bound: what takes longer has hung.
const patience = 60 * time.Second

// binary is the server that is tested.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "openapi-*")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "millrace")
	build := exec.Command("go", "build", "-o", binary, "./cmd/millrace")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// node is a server that runs, as its banner describes it.
type node struct {
	endpoint    string // host:port
	rtmp        string // host:port
	key, secret string
	stop        func()
	kill        func() // without a goodbye
}

// serve starts a server on free ports and waits for its banner.
func serve(t *testing.T, dataDir string, flags ...string) *node {
	t.Helper()
	args := []string{"serve", "--data-dir", dataDir}
	for _, f := range []string{"http", "rtmp", "srt", "rtc", "admin"} {
		args = append(args, "--"+f+"-addr", "127.0.0.1:0")
	}
	cmd := exec.Command(binary, append(args, flags...)...)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	n := &node{}
	killed := false
	n.stop = sync.OnceFunc(func() {
		kill.Reset(patience)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil && !killed {
			t.Errorf("the server ended by %v", err)
		}
		kill.Stop()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	n.kill = func() { killed = true; _ = cmd.Process.Kill(); n.stop() }
	t.Cleanup(n.stop)
	var banner strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		banner.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(strings.TrimSpace(lines.Text()), "Stop ") {
			break
		}
	}
	kill.Stop()
	find := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(banner.String()); m != nil {
			return m[1]
		}
		return ""
	}
	n.endpoint = find(`Admin +http://([^/\s]+)`)
	n.rtmp = "127.0.0.1:" + find(`Server +rtmp://[^:/]+:(\d+)`)
	n.key, n.secret = find(`AccessKey +(\w+)`), find(`Secret +(\w+)`)
	if n.endpoint == "" {
		t.Fatalf("no banner: %s", banner.String())
	}
	return n
}

// client is the official client of a key.
func (n *node) client(t *testing.T, key, secret string) *live.Client {
	t.Helper()
	config := sdk.NewConfig().WithScheme("HTTP").WithTimeout(patience)
	c, err := live.NewClientWithOptions("cn-shanghai", config, credentials.NewAccessKeyCredential(key, secret))
	if err != nil {
		t.Fatal(err)
	}
	c.Domain = n.endpoint
	return c
}
