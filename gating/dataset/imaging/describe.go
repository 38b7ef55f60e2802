package imaging

import (
	"fmt"
	"slices"
	"strings"
)

// String says in a few words what is done, such as "imagenet, shorter edge to 256, middle 224x224, bicubic".
func (p Preprocess) String() string {
	return strings.Join(append([]string{p.scaling()}, p.geometry()...), ", ")
}

// Geometry says in a few words how an image is resized and cropped, such as "shorter edge to 256, middle 224x224".
func (p Preprocess) Geometry() string { return strings.Join(p.geometry(), ", ") }

func (p Preprocess) geometry() (words []string) {
	boxed := p.Resize.Mode == Letterbox
	switch {
	case p.Crop.Share == 1:
		words = append(words, "middle, whole shorter edge")
	case p.Crop.Share > 0:
		words = append(words, fmt.Sprintf("middle %.4g of the shorter edge", p.Crop.Share))
	default:
		words = p.Resize.words(p.Crop.Height > 0 && !boxed)
	}
	if p.Crop.Height > 0 && !boxed {
		words = append(words, fmt.Sprintf("middle %dx%d", p.Crop.Height, p.Crop.Width))
	}
	if p.Interpolation != Bilinear && p.Interpolation != "" && p.Resize.Mode != Keep {
		words = append(words, string(p.Interpolation))
	}
	return words
}

// words say how an image is resized, nothing where that follows from what is cut out of it.
func (r Resize) words(cropped bool) []string {
	switch {
	case r.Mode == ShortestEdge:
		return []string{fmt.Sprintf("shorter edge to %d", r.Edge)}
	case r.Mode == Cover:
		return []string{fmt.Sprintf("resized to cover %dx%d", r.Height, r.Width)}
	case r.Mode == Within:
		return []string{fmt.Sprintf("resized to fit in %dx%d", r.Height, r.Width)}
	case r.Mode == Letterbox && r.Height > 0:
		return []string{fmt.Sprintf("letterboxed to %dx%d", r.Height, r.Width)}
	case r.Mode == Letterbox:
		return []string{"letterboxed to the graph's size"}
	case r.Mode == Keep:
		return []string{"not resized"}
	case r.Height > 0:
		return []string{fmt.Sprintf("squashed to %dx%d", r.Height, r.Width)}
	case !cropped:
		return []string{"squashed to the graph's size"}
	}
	return nil
}

// scaling says what becomes of bytes: by the name that is known for it, else in numbers.
func (p Preprocess) scaling() string {
	if p.Scale == 0 {
		p.Scale = Unit
	}
	name, turned := "", p.BGR
	for _, s := range scalings {
		if s.Scale != p.Scale || s.Offset != p.Offset {
			continue
		}
		mean, std := slices.Clone(p.Mean), slices.Clone(p.Std)
		if s.BGR != p.BGR {
			slices.Reverse(mean)
			slices.Reverse(std)
		}
		if slices.Equal(s.Mean, mean) && slices.Equal(s.Std, std) {
			name, turned = s.Convention, s.BGR != p.BGR
			break
		}
	}
	if name == "" {
		name = p.formula()
	}
	switch {
	case turned && p.BGR:
		name += ", blue green red"
	case turned:
		name += ", red green blue"
	}
	return name
}

// formula is what becomes of a byte.
func (p Preprocess) formula() string {
	text := fmt.Sprintf("pixels times %.4g", p.Scale)
	if p.Scale == Unit {
		text = "0..1"
	}
	if p.Offset != 0 {
		text += fmt.Sprintf(" plus %.4g", p.Offset)
	}
	if len(p.Mean) > 0 {
		text += fmt.Sprintf(" less %.4g", p.Mean)
	}
	if len(p.Std) > 0 {
		text += fmt.Sprintf(" by %.4g", p.Std)
	}
	return text
}
