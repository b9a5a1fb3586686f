package h264

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// SPS is what a sequence parameter set says about the pictures.
type SPS struct {
	// Profile, Constraints and Level are the three bytes behind the NAL
	// header, which SDP writes as profile-level-id.
	Profile, Constraints, Level byte
	// Width and Height are those of the picture to show, in luma samples.
	Width, Height int
	// ChromaFormat is chroma_format_idc: 1 is 4:2:0.
	ChromaFormat byte
	// BitDepthLuma and BitDepthChroma are in bits.
	BitDepthLuma, BitDepthChroma byte
	// MaxReorder is the largest number of pictures that are decoded before
	// and shown after another one; -1 when the set does not say.
	MaxReorder int
}

// Reorders says that the set announces B-frames. False means no or unknown: a
// B slice or a PTS that differs from the DTS settles it.
func (s SPS) Reorders() bool { return s.MaxReorder > 0 }

// maxParamSize bounds a parameter set. The largest legal SPS, with every
// scaling list and HRD, stays well below it.
const maxParamSize = 4096

const (
	profileBaseline = 66
	maxDimension    = 16384
)

// ErrParam says that a parameter set can not be read.
var ErrParam = errors.New("bad H264 parameter set")

// ParseSPS reads a sequence parameter set NAL unit (H.264 section 7.3.2.1).
func ParseSPS(nal []byte) (SPS, error) {
	if Type(nal) != TypeSPS || len(nal) < 4 || len(nal) > maxParamSize {
		return SPS{}, fmt.Errorf("%w: SPS of %d bytes", ErrParam, len(nal))
	}
	var p h264.SPS
	if err := p.Unmarshal(nal); err != nil {
		return SPS{}, fmt.Errorf("%w: SPS: %w", ErrParam, err)
	}
	s := SPS{
		Profile: nal[1], Constraints: nal[2], Level: nal[3],
		ChromaFormat:   byte(p.ChromaFormatIdc),
		BitDepthLuma:   byte(8 + p.BitDepthLumaMinus8),
		BitDepthChroma: byte(8 + p.BitDepthChromaMinus8),
		MaxReorder:     maxReorder(&p),
	}
	if p.ChromaFormatIdc > 3 || p.BitDepthLumaMinus8 > 6 || p.BitDepthChromaMinus8 > 6 {
		return SPS{}, fmt.Errorf("%w: chroma format %d", ErrParam, p.ChromaFormatIdc)
	}
	s.Width, s.Height = size(&p)
	if s.Width < 1 || s.Width > maxDimension || s.Height < 1 || s.Height > maxDimension {
		return SPS{}, fmt.Errorf("%w: picture of %dx%d", ErrParam, s.Width, s.Height)
	}
	return s, nil
}

// maxReorder follows H.264 annex E.2.1 (max_num_reorder_frames) and what rules
// reordering out: the baseline profile, and output order by pic_order_cnt_type 2.
func maxReorder(p *h264.SPS) int {
	switch {
	case p.ProfileIdc == profileBaseline || p.PicOrderCntType == 2:
		return 0
	case p.VUI != nil && p.VUI.BitstreamRestriction != nil:
		return int(min(p.VUI.BitstreamRestriction.MaxNumReorderFrames, 16))
	}
	return -1
}

// size applies the cropping of H.264 section 7.4.2.1.1. It is not the
// library's Width and Height, which ignore the cropping of monochrome pictures.
func size(p *h264.SPS) (width, height int) {
	fields := int64(2)
	if p.FrameMbsOnlyFlag {
		fields = 1
	}
	w := (int64(p.PicWidthInMbsMinus1) + 1) * 16
	h := (int64(p.PicHeightInMapUnitsMinus1) + 1) * 16 * fields
	if c := p.FrameCropping; c != nil {
		unitX, unitY := int64(1), fields
		if !p.SeparateColourPlaneFlag {
			if p.ChromaFormatIdc == 1 || p.ChromaFormatIdc == 2 {
				unitX = 2
			}
			if p.ChromaFormatIdc == 1 {
				unitY *= 2
			}
		}
		w -= unitX * (int64(c.LeftOffset) + int64(c.RightOffset))
		h -= unitY * (int64(c.TopOffset) + int64(c.BottomOffset))
	}
	return int(w), int(h)
}
