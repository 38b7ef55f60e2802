package imaging

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"io"
	"slices"
)

// Trait is something about an image file that pixels alone do not show, and that other programs may treat otherwise.
type Trait int

// The traits.
const (
	Rotated     Trait = iota // the camera notes that the picture is to be turned
	Deep                     // grey of 16 bits, of which the upper 8 are taken
	Transparent              // there is a channel of transparency, which is dropped
	Moving                   // there is more than one picture, of which the first is taken
	traits
)

// AllTraits lists the traits.
func AllTraits() []Trait { return []Trait{Rotated, Deep, Transparent, Moving}[:traits] }

// String says it of several images.
func (t Trait) String() string {
	return [...]string{
		"note a rotation of the camera, which is ignored as torchvision's ImageFolder and Pillow's open do",
		"have grey of 16 bits, of which the upper 8 are taken; Pillow's convert(\"RGB\") clips them to white instead",
		"have transparency, which is dropped",
		"are animated, and their first picture is taken",
	}[t]
}

// Traits looks at the beginning of an image file. What cannot be read has none: that is for decoding to say.
func Traits(r io.ReadSeeker) (list []Trait) {
	head := make([]byte, longestExif)
	n, _ := io.ReadFull(r, head) // files may be shorter
	head = head[:n]
	config, kind, err := image.DecodeConfig(bytes.NewReader(head))
	if err != nil {
		return nil
	}
	if kind == "jpeg" && orientation(head) > 1 {
		list = append(list, Rotated)
	}
	if config.ColorModel == color.Gray16Model {
		list = append(list, Deep)
	}
	if slices.Contains([]color.Model{color.NRGBAModel, color.NRGBA64Model, color.NYCbCrAModel}, config.ColorModel) {
		list = append(list, Transparent)
	}
	if kind == "png" && animatedPNG(head) {
		list = append(list, Moving)
	}
	if kind == "gif" {
		if _, err := r.Seek(0, io.SeekStart); err == nil && animatedGIF(bufio.NewReader(r)) {
			list = append(list, Moving)
		}
	}
	return list
}

// longestExif is how much of a file is looked at: a segment of a JPEG file has at most 64 KiB, and EXIF is the first.
const longestExif = 1 << 17

// orientation is the EXIF tag of a JPEG file that says how it is turned: 1 for not at all, 0 where there is none.
func orientation(file []byte) uint16 {
	for at := 2; at+4 <= len(file) && file[at] == 0xff && file[at+1] != 0xda; {
		end := at + 2 + int(binary.BigEndian.Uint16(file[at+2:]))
		if end > len(file) {
			return 0
		}
		exif, ok := bytes.CutPrefix(file[at+4:max(end, at+4)], []byte("Exif\x00\x00"))
		if ok && file[at+1] == 0xe1 {
			return exifOrientation(exif)
		}
		at = max(end, at+4)
	}
	return 0
}

// exifOrientation reads the tag in the first directory of a TIFF structure.
func exifOrientation(tiff []byte) uint16 {
	const header, entry, tag = 8, 12, 0x0112
	var order binary.ByteOrder = binary.BigEndian
	if bytes.HasPrefix(tiff, []byte("II")) {
		order = binary.LittleEndian
	}
	if len(tiff) < header {
		return 0
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	n := int(order.Uint16(tiff[at:]))
	for list := tiff[at+2:]; n > 0 && len(list) >= entry; n, list = n-1, list[entry:] {
		if order.Uint16(list) == tag {
			return order.Uint16(list[header:])
		}
	}
	return 0
}

// animatedPNG says whether there is a chunk acTL before the pixels.
func animatedPNG(file []byte) bool {
	const signature, around = 8, 12
	for at := int64(signature); at+around <= int64(len(file)); {
		switch string(file[at+4 : at+8]) {
		case "acTL":
			return true
		case "IDAT":
			return false
		}
		at += around + int64(binary.BigEndian.Uint32(file[at:]))
	}
	return false
}

// animatedGIF says whether there is a second picture.
func animatedGIF(r *bufio.Reader) bool {
	head := make([]byte, 13)
	if _, err := io.ReadFull(r, head); err != nil {
		return false
	}
	skip(r, colours(head[10]))
	for pictures := 0; ; {
		kind, err := r.ReadByte()
		switch {
		case err != nil || kind == 0x3b:
			return false
		case kind == 0x21: // an extension: its label, then blocks
			skip(r, 1)
		case kind == 0x2c: // a picture: its place, its colours, the width of codes, then blocks
			if pictures++; pictures == 2 {
				return true
			}
			place := head[:9]
			if _, err := io.ReadFull(r, place); err != nil {
				return false
			}
			skip(r, colours(place[8])+1)
		}
		for {
			n, err := r.ReadByte()
			if err != nil || n == 0 {
				break
			}
			skip(r, int(n))
		}
	}
}

// colours is how many bytes the table of colours has that flags of a GIF file announce.
func colours(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// skip reads over some bytes; at the end of a file the next byte that is asked for is missing.
func skip(r *bufio.Reader, n int) {
	if _, err := r.Discard(n); err != nil {
		return
	}
}
