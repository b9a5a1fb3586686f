package openapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/live"
)

// request makes a request of the client's own kind and fills it in.
func request[T any](make func() *T, fill func(*T)) *T {
	r := make()
	fill(r)
	return r
}

// code is the code of a refusal, "" for none.
func code(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e sdkerrors.Error
	if !errors.As(err, &e) {
		t.Fatalf("no answer of the API: %v", err)
	}
	return e.ErrorCode()
}

// certificate is one for a name, with its key.
func certificate(t *testing.T, name string) (chain, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// Every action that there is, by the official client, in an order in which
// each has something to work on.
func TestActions(t *testing.T) {
	n := serve(t, t.TempDir())
	c := n.client(t, n.key, n.secret)
	chain, key := certificate(t, "pull.example.com")
	const push, pull, sub = "push.example.com", "pull.example.com", "sub.example.com"
	add := func(name, kind string) func() (responses.AcsResponse, error) {
		return func() (responses.AcsResponse, error) {
			return c.AddLiveDomain(request(live.CreateAddLiveDomainRequest, func(r *live.AddLiveDomainRequest) {
				r.DomainName, r.LiveDomainType, r.Region, r.Scope = name, kind, "cn-shanghai", "global"
			}))
		}
	}
	called := map[string]bool{}
	for _, step := range []struct {
		action string
		call   func() (responses.AcsResponse, error)
		// code is that of the refusal, "" for none; holds is what the answer has.
		code, holds string
	}{
		{"AddLiveDomain", add(push, "liveEdge"), "", ""},
		{"AddLiveDomain", add(pull, "liveVideo"), "", ""},
		{"AddLiveDomain", add(sub, "liveVideo"), "", ""},
		{"AddLiveDomain", add(pull, "liveEdge"), "DomainAlreadyExist", ""},
		{"AddLiveDomain", add("*.example.com", "liveEdge"), "InvalidDomainName.Malformed", ""},
		{"AddLiveDomain", add("a.example.com", "liveAll"), "InvalidLiveDomainType.Malformed", "liveEdge, liveVideo"},
		{"AddLiveDomain", add("", "liveEdge"), "MissingDomainName", ""},
		{"AddLiveDomainMapping", func() (responses.AcsResponse, error) {
			return c.AddLiveDomainMapping(request(live.CreateAddLiveDomainMappingRequest, func(r *live.AddLiveDomainMappingRequest) { r.PushDomain, r.PullDomain = push, pull }))
		}, "", ""},
		{"AddLiveDomainMapping", func() (responses.AcsResponse, error) {
			return c.AddLiveDomainMapping(request(live.CreateAddLiveDomainMappingRequest, func(r *live.AddLiveDomainMappingRequest) { r.PushDomain, r.PullDomain = pull, pull }))
		}, "InvalidDomainType", ""},
		{"AddLiveDomainPlayMapping", func() (responses.AcsResponse, error) {
			return c.AddLiveDomainPlayMapping(request(live.CreateAddLiveDomainPlayMappingRequest, func(r *live.AddLiveDomainPlayMappingRequest) { r.PlayDomain, r.PullDomain = sub, pull }))
		}, "", ""},
		{"DescribeLiveDomainMapping", func() (responses.AcsResponse, error) {
			return c.DescribeLiveDomainMapping(request(live.CreateDescribeLiveDomainMappingRequest, func(r *live.DescribeLiveDomainMappingRequest) { r.DomainName = push }))
		}, "", sub},
		{"BatchSetLiveDomainConfigs", func() (responses.AcsResponse, error) {
			return c.BatchSetLiveDomainConfigs(request(live.CreateBatchSetLiveDomainConfigsRequest, func(r *live.BatchSetLiveDomainConfigsRequest) {
				r.DomainNames = pull + "," + sub
				r.Functions = `[{"functionName":"aliauth","functionArgs":[{"argName":"auth_type","argValue":"type_a"},{"argName":"auth_key1","argValue":"testkey0123"}]},
					{"functionName":"rts","functionArgs":[{"argName":"enable","argValue":"on"},{"argName":"mode","argValue":"sub_second"}]},
					{"functionName":"set_resp_header","functionArgs":[{"argName":"key","argValue":"Access-Control-Allow-Origin"},{"argName":"value","argValue":"*"}]}]`
			}))
		}, "", ""},
		{"BatchSetLiveDomainConfigs", func() (responses.AcsResponse, error) {
			return c.BatchSetLiveDomainConfigs(request(live.CreateBatchSetLiveDomainConfigsRequest, func(r *live.BatchSetLiveDomainConfigsRequest) {
				r.DomainNames, r.Functions = pull, `[{"functionName":"rts","functionArgs":[{"argName":"enable","argValue":"perhaps"}]}]`
			}))
		}, "InvalidFunctions.Malformed", "rts: enable"},
		{"DescribeLiveDomainConfigs", func() (responses.AcsResponse, error) {
			return c.DescribeLiveDomainConfigs(request(live.CreateDescribeLiveDomainConfigsRequest, func(r *live.DescribeLiveDomainConfigsRequest) {
				r.DomainName, r.FunctionNames = pull, "aliauth,set_resp_header"
			}))
		}, "", `"ArgValue":"testkey0123"`},
		{"DescribeLiveStreamAuthChecking", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamAuthChecking(request(live.CreateDescribeLiveStreamAuthCheckingRequest, func(r *live.DescribeLiveStreamAuthCheckingRequest) {
				r.DomainName, r.Url = pull, "http://"+pull+"/app/stream.flv?auth_key=1740562218-0-0-6d8af09ec5ef6914659651a008276cab"
			}))
		}, "", "INVALID TIMESTAMP"},
		{"DescribeLiveDomainLimit", func() (responses.AcsResponse, error) {
			return c.DescribeLiveDomainLimit(request(live.CreateDescribeLiveDomainLimitRequest, func(r *live.DescribeLiveDomainLimitRequest) { r.DomainName = push }))
		}, "", push},
		{"BatchDeleteLiveDomainConfigs", func() (responses.AcsResponse, error) {
			return c.BatchDeleteLiveDomainConfigs(request(live.CreateBatchDeleteLiveDomainConfigsRequest, func(r *live.BatchDeleteLiveDomainConfigsRequest) {
				r.DomainNames, r.FunctionNames = sub, "set_resp_header"
			}))
		}, "", ""},
		{"SetLiveDomainCertificate", func() (responses.AcsResponse, error) {
			return c.SetLiveDomainCertificate(request(live.CreateSetLiveDomainCertificateRequest, func(r *live.SetLiveDomainCertificateRequest) {
				r.DomainName, r.SSLProtocol, r.CertType, r.CertName, r.SSLPub, r.SSLPri = pull, "on", "upload", "mine", chain, key
			}))
		}, "", ""},
		{"SetLiveDomainCertificate", func() (responses.AcsResponse, error) {
			return c.SetLiveDomainCertificate(request(live.CreateSetLiveDomainCertificateRequest, func(r *live.SetLiveDomainCertificateRequest) {
				r.DomainName, r.SSLProtocol, r.CertName, r.SSLPub, r.SSLPri = pull, "on", "other", "nonsense", key
			}))
		}, "InvalidSSLPub.Malformed", ""},
		{"DescribeLiveDomainCertificateInfo", func() (responses.AcsResponse, error) {
			return c.DescribeLiveDomainCertificateInfo(request(live.CreateDescribeLiveDomainCertificateInfoRequest, func(r *live.DescribeLiveDomainCertificateInfoRequest) { r.DomainName = pull }))
		}, "", `"CertCommonName":"` + pull},
		{"DescribeLiveCertificateList", func() (responses.AcsResponse, error) {
			return c.DescribeLiveCertificateList(request(live.CreateDescribeLiveCertificateListRequest, func(r *live.DescribeLiveCertificateListRequest) { r.DomainName = pull }))
		}, "", `"Count":1`},
		{"DescribeLiveCertificateDetail", func() (responses.AcsResponse, error) {
			return c.DescribeLiveCertificateDetail(request(live.CreateDescribeLiveCertificateDetailRequest, func(r *live.DescribeLiveCertificateDetailRequest) { r.CertName = "mine" }))
		}, "", "BEGIN CERTIFICATE"},
		{"DescribeLiveDomainDetail", func() (responses.AcsResponse, error) {
			return c.DescribeLiveDomainDetail(request(live.CreateDescribeLiveDomainDetailRequest, func(r *live.DescribeLiveDomainDetailRequest) { r.DomainName = pull }))
		}, "", `"SSLProtocol":"on"`},
		{"SetLiveStreamsNotifyUrlConfig", func() (responses.AcsResponse, error) {
			return c.SetLiveStreamsNotifyUrlConfig(request(live.CreateSetLiveStreamsNotifyUrlConfigRequest, func(r *live.SetLiveStreamsNotifyUrlConfigRequest) {
				r.DomainName, r.NotifyUrl, r.NotifyReqAuth, r.NotifyAuthKey = push, "http://example.com/notify", "yes", "0123456789abcdef"
			}))
		}, "", ""},
		{"DescribeLiveStreamsNotifyUrlConfig", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamsNotifyUrlConfig(request(live.CreateDescribeLiveStreamsNotifyUrlConfigRequest, func(r *live.DescribeLiveStreamsNotifyUrlConfigRequest) { r.DomainName = push }))
		}, "", `"NotifyReqAuth":"yes"`},
		{"DescribeLiveStreamsNotifyRecords", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamsNotifyRecords(request(live.CreateDescribeLiveStreamsNotifyRecordsRequest, func(r *live.DescribeLiveStreamsNotifyRecordsRequest) {
				r.DomainName, r.StartTime, r.EndTime = push, hour(-1), hour(1)
			}))
		}, "", `"TotalNum":0`},
		{"DescribeLiveStreamsOnlineList", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamsOnlineList(request(live.CreateDescribeLiveStreamsOnlineListRequest, func(r *live.DescribeLiveStreamsOnlineListRequest) { r.DomainName = push }))
		}, "", `"LiveStreamOnlineInfo":[]`},
		{"DescribeLiveStreamsPublishList", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamsPublishList(request(live.CreateDescribeLiveStreamsPublishListRequest, func(r *live.DescribeLiveStreamsPublishListRequest) {
				r.DomainName, r.StartTime, r.EndTime = push, hour(-1), hour(1)
			}))
		}, "", `"TotalNum":0`},
		{"DescribeLiveStreamsPublishList", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamsPublishList(request(live.CreateDescribeLiveStreamsPublishListRequest, func(r *live.DescribeLiveStreamsPublishListRequest) {
				r.DomainName, r.StartTime, r.EndTime = push, hour(1), hour(-1)
			}))
		}, "InvalidStartTime.Malformed", ""},
		{"DescribeLiveStreamState", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamState(request(live.CreateDescribeLiveStreamStateRequest, func(r *live.DescribeLiveStreamStateRequest) {
				r.DomainName, r.AppName, r.StreamName = push, "live", "s"
			}))
		}, "", `"StreamState":"offline"`},
		{"DescribeLiveStreamCount", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamCount(request(live.CreateDescribeLiveStreamCountRequest, func(r *live.DescribeLiveStreamCountRequest) { r.DomainName = push }))
		}, "", `"Type":"raw"`},
		{"ForbidLiveStream", forbid(c, push, "s", ""), "", ""},
		{"ForbidLiveStream", forbid(c, push, "s", hour(1)), "ConfigAlreadyExists", ""},
		{"ForbidLiveStream", forbid(c, push, "t", "tomorrow"), "InvalidResumeTime.Malformed", "ResumeTime"},
		{"ForbidLiveStream", forbid(c, pull, "t", ""), "InvalidDomainType", ""},
		{"DescribeLiveStreamsBlockList", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamsBlockList(request(live.CreateDescribeLiveStreamsBlockListRequest, func(r *live.DescribeLiveStreamsBlockListRequest) { r.DomainName = push }))
		}, "", push + "/live/s"},
		{"ResumeLiveStream", resume(c, push, "s"), "", ""},
		{"ResumeLiveStream", resume(c, push, "s"), "InvalidStream.NotFound", ""},
		{"DescribeLiveStreamsControlHistory", func() (responses.AcsResponse, error) {
			return c.DescribeLiveStreamsControlHistory(request(live.CreateDescribeLiveStreamsControlHistoryRequest, func(r *live.DescribeLiveStreamsControlHistoryRequest) { r.DomainName = push }))
		}, "", `"Action":"resume"`},
		{"DeleteLiveStreamsNotifyUrlConfig", func() (responses.AcsResponse, error) {
			return c.DeleteLiveStreamsNotifyUrlConfig(request(live.CreateDeleteLiveStreamsNotifyUrlConfigRequest, func(r *live.DeleteLiveStreamsNotifyUrlConfigRequest) { r.DomainName = push }))
		}, "", ""},
		{"StopLiveDomain", func() (responses.AcsResponse, error) {
			return c.StopLiveDomain(request(live.CreateStopLiveDomainRequest, func(r *live.StopLiveDomainRequest) { r.DomainName = pull }))
		}, "", ""},
		{"DescribeLiveUserDomains", func() (responses.AcsResponse, error) {
			return c.DescribeLiveUserDomains(request(live.CreateDescribeLiveUserDomainsRequest, func(r *live.DescribeLiveUserDomainsRequest) {
				r.DomainName, r.PageSize, r.DomainStatus = "example.com", requests.NewInteger(2), "offline"
			}))
		}, "", `"TotalCount":1`},
		{"DescribeLiveUserDomains", func() (responses.AcsResponse, error) {
			return c.DescribeLiveUserDomains(request(live.CreateDescribeLiveUserDomainsRequest, func(r *live.DescribeLiveUserDomainsRequest) { r.PageSize = requests.NewInteger(51) }))
		}, "InvalidPageSize.Malformed", ""},
		{"StartLiveDomain", func() (responses.AcsResponse, error) {
			return c.StartLiveDomain(request(live.CreateStartLiveDomainRequest, func(r *live.StartLiveDomainRequest) { r.DomainName = pull }))
		}, "", ""},
		{"DeleteLiveDomain", func() (responses.AcsResponse, error) {
			return c.DeleteLiveDomain(request(live.CreateDeleteLiveDomainRequest, func(r *live.DeleteLiveDomainRequest) { r.DomainName = pull }))
		}, "DomainInUse", ""},
		{"DeleteLiveDomainPlayMapping", func() (responses.AcsResponse, error) {
			return c.DeleteLiveDomainPlayMapping(request(live.CreateDeleteLiveDomainPlayMappingRequest, func(r *live.DeleteLiveDomainPlayMappingRequest) { r.PlayDomain, r.PullDomain = sub, pull }))
		}, "", ""},
		{"DeleteLiveDomainMapping", func() (responses.AcsResponse, error) {
			return c.DeleteLiveDomainMapping(request(live.CreateDeleteLiveDomainMappingRequest, func(r *live.DeleteLiveDomainMappingRequest) { r.PushDomain, r.PullDomain = push, pull }))
		}, "", ""},
		{"DeleteLiveDomain", func() (responses.AcsResponse, error) {
			return c.DeleteLiveDomain(request(live.CreateDeleteLiveDomainRequest, func(r *live.DeleteLiveDomainRequest) { r.DomainName = pull }))
		}, "", ""},
		{"DeleteLiveDomain", func() (responses.AcsResponse, error) {
			return c.DeleteLiveDomain(request(live.CreateDeleteLiveDomainRequest, func(r *live.DeleteLiveDomainRequest) { r.DomainName = pull }))
		}, "InvalidDomain.NotFound", ""},
		{"", func() (responses.AcsResponse, error) {
			return c.AddLiveAppSnapshotConfig(request(live.CreateAddLiveAppSnapshotConfigRequest, func(*live.AddLiveAppSnapshotConfigRequest) {}))
		}, "InvalidAction.NotFound", "AddLiveAppSnapshotConfig"},
	} {
		called[step.action] = true
		answer, err := step.call()
		got := code(t, err)
		text := ""
		if err != nil {
			text = err.Error()
		} else {
			text = answer.GetHttpContentString()
		}
		if got != step.code || !strings.Contains(text, step.holds) {
			t.Errorf("%s: code %q, want %q; %s\nwant in it: %s", step.action, got, step.code, text, step.holds)
		}
	}
	for _, name := range implemented(t) {
		if !called[name] {
			t.Errorf("%s is implemented and was not called", name)
		}
	}
}

// hour is a time, some hours from now.
func hour(n int) string {
	return time.Now().Add(time.Duration(n) * time.Hour).UTC().Format("2006-01-02T15:04:05Z")
}

func forbid(c *live.Client, domain, stream, until string) func() (responses.AcsResponse, error) {
	return func() (responses.AcsResponse, error) {
		return c.ForbidLiveStream(request(live.CreateForbidLiveStreamRequest, func(r *live.ForbidLiveStreamRequest) {
			r.DomainName, r.AppName, r.StreamName, r.LiveStreamType, r.ResumeTime = domain, "live", stream, "publisher", until
		}))
	}
}

func resume(c *live.Client, domain, stream string) func() (responses.AcsResponse, error) {
	return func() (responses.AcsResponse, error) {
		return c.ResumeLiveStream(request(live.CreateResumeLiveStreamRequest, func(r *live.ResumeLiveStreamRequest) {
			r.DomainName, r.AppName, r.StreamName, r.LiveStreamType = domain, "live", stream, "publisher"
		}))
	}
}

// implemented are the actions in the server's table.
func implemented(t *testing.T) []string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("..", "..", "internal", "openapi", "actions.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile(`(?:reads|changes)\("(\w+)"`).FindAllStringSubmatch(string(src), -1) {
		all = append(all, m[1])
	}
	if len(all) < 20 {
		t.Fatalf("only %d actions found", len(all))
	}
	slices.Sort(all)
	return all
}
