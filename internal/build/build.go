package build

import "runtime/debug"

// version is set by the linker: -X millrace/internal/build.version=v0.1.0.
var version string //nolint:gochecknoglobals // the linker wants one

// Version returns the version that the program was built as: what the linker
// was told, else the module's version, else the revision of the sources, else
// "dev".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	return of(info)
}

func of(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
