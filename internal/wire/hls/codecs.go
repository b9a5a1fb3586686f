package hls

import (
	"fmt"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/av1"
	"millrace/internal/codec/h264"
	"millrace/internal/codec/vp9"
	"millrace/internal/media"
)

// CodecString is how CODECS names what is in a track (RFC 6381); "" when that
// is not known.
func CodecString(t *media.Track) string {
	switch t.Codec {
	case media.H264:
		if len(t.Params) > 0 && len(t.Params[0]) >= 4 && h264.Type(t.Params[0]) == h264.TypeSPS {
			return fmt.Sprintf("avc1.%02x%02x%02x", t.Params[0][1], t.Params[0][2], t.Params[0][3])
		}
	case media.H265:
		if len(t.Params) > 1 {
			return hevcString(t.Params[1])
		}
	case media.AV1:
		return av1String(t)
	case media.VP9:
		c := vp9.ParseConfig(t.Config)
		return fmt.Sprintf("vp09.%02d.%02d.%02d", c.Profile, c.Level, c.BitDepth)
	case media.AAC:
		c, err := aac.ParseConfig(t.Config)
		switch {
		case err != nil:
		case c.PS:
			return "mp4a.40.29"
		case c.SBR:
			return "mp4a.40.5"
		default:
			return fmt.Sprintf("mp4a.40.%d", c.ObjectType)
		}
	case media.Opus:
		return "opus"
	}
	return ""
}

// av1String renders profile, level, tier and bit depth (AV1 in ISO BMFF, section 5).
func av1String(t *media.Track) string {
	if len(t.Params) == 0 {
		return ""
	}
	record, err := av1.BuildConfig(t.Params[0])
	if err != nil {
		return ""
	}
	tier, depth := "M", 8
	if record[2]&0x80 != 0 {
		tier = "H"
	}
	switch record[2] & 0x60 {
	case 0x40:
		depth = 10
	case 0x60:
		depth = 12
	}
	return fmt.Sprintf("av01.%d.%02d%s.%02d", record[1]>>5, record[1]&31, tier, depth)
}

// hevcString renders profile, compatibility, tier, level and constraints (ISO
// 14496-15 annex E.3).
func hevcString(nal []byte) string {
	var sps h265.SPS
	if err := sps.Unmarshal(nal); err != nil || len(nal) < 15 {
		return ""
	}
	p := &sps.ProfileTierLevel
	var compatible uint32
	for i, set := range p.GeneralProfileCompatibilityFlag {
		if set {
			compatible |= 1 << i // in reverse bit order: flag 0 is the lowest bit
		}
	}
	space := ""
	if p.GeneralProfileSpace > 0 {
		space = string(rune('A' + p.GeneralProfileSpace - 1))
	}
	tier := "L"
	if p.GeneralTierFlag != 0 {
		tier = "H"
	}
	s := fmt.Sprintf("hvc1.%s%d.%X.%s%d", space, p.GeneralProfileIdc, compatible, tier, p.GeneralLevelIdc)
	return s + constraints(p)
}

// constraints are the six bytes of general constraint flags of which most are
// zero: those at the end are left out.
func constraints(p *h265.SPS_ProfileTierLevel) string {
	var first byte
	for i, set := range []bool{
		p.GeneralProgressiveSourceFlag, p.GeneralInterlacedSourceFlag,
		p.GeneralNonPackedConstraintFlag, p.GeneralFrameOnlyConstraintFlag,
	} {
		if set {
			first |= 0x80 >> i
		}
	}
	if first == 0 {
		return ""
	}
	return strings.ToUpper(fmt.Sprintf(".%x", first))
}
