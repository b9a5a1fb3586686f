package build

import (
	"runtime/debug"
	"testing"
)

func TestOf(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef"}
	for want, info := range map[string]debug.BuildInfo{
		"v1.2.3":           {Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{revision}},
		"dev-0123456789ab": {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{revision}},
		"dev":              {},
	} {
		if got := of(&info); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if Version() == "" {
		t.Error("no version")
	}
}
