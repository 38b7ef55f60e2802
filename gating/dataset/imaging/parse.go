package imaging

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Parse reads a preprocessing from a file: the preprocessor_config.json of a Hugging Face model, or the config.json (or
// its pretrained_cfg alone) of a timm model. Errors say which key is not understood; keys that do not change pixels are
// passed over.
func Parse(file []byte) (Preprocess, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(file, &keys); err != nil {
		return Preprocess{}, fail(wantedFile,
			"this is no JSON object: %v", err)
	}
	for _, inner := range []string{"image_processor", "pretrained_cfg"} {
		var nested map[string]json.RawMessage
		if json.Unmarshal(keys[inner], &nested) == nil && len(nested) > 0 {
			keys = nested
		}
	}
	has := func(list ...string) bool {
		return slices.ContainsFunc(list, func(k string) bool { return keys[k] != nil })
	}
	var p Preprocess
	var err error
	switch {
	case has("image_processor_type", "feature_extractor_type", "do_resize", "do_normalize", "do_rescale", "image_mean"):
		p, err = parseHuggingFace(object{keys})
	case has("crop_pct", "mean", "std", "input_size", "interpolation"):
		p, err = parseTimm(object{keys})
	default:
		return Preprocess{}, fail(wantedFile,
			"no key says how images are preprocessed: the keys are %.200q", slices.Sorted(maps.Keys(keys)))
	}
	if err != nil {
		return Preprocess{}, err
	}
	return p.Validate()
}

const wantedFile = "give preprocessor_config.json of a Hugging Face model or config.json of a timm model"

// object is a JSON object of which keys are read by name. A null is as good as no key.
type object struct{ keys map[string]json.RawMessage }

func (o object) has(key string) bool { return o.keys[key] != nil && string(o.keys[key]) != "null" }

// get reads a key into to, which stays as it is where there is none.
func get[T any](o object, key string, to *T, want string) error {
	if !o.has(key) {
		return nil
	}
	if err := json.Unmarshal(o.keys[key], to); err != nil {
		return fail("correct the file", "%q is %.100q: want %s", key, o.keys[key], want)
	}
	return nil
}

// channels reads one number or a list of them.
func (o object) channels(key string, to *[]float64) error {
	var one float64
	if get(o, key, &one, "") == nil && o.has(key) {
		*to = []float64{one}
		return nil
	}
	return get(o, key, to, "a number for each channel")
}

// ParseScale reads what pixels are multiplied with and what is added then: a number (0.5), a fraction (1/255) or the
// range that 0 to 255 becomes (-1..1).
func ParseScale(text string) (scale, offset float64, err error) {
	hint := "give a number (1), a fraction (1/255), or the range that pixels get (0..1, -1..1, 0..255)"
	if low, high, ok := strings.Cut(text, ".."); ok {
		from, err1 := strconv.ParseFloat(low, 64)
		to, err2 := strconv.ParseFloat(high, 64)
		if errors.Join(err1, err2) != nil || !finite(from, to) || from >= to {
			return 0, 0, fail(hint, "%q is no range", text)
		}
		return (to - from) / 255, from, nil
	}
	over, under, isFraction := strings.Cut(text, "/")
	scale, err = strconv.ParseFloat(over, 64)
	if isFraction && err == nil {
		var by float64
		by, err = strconv.ParseFloat(under, 64)
		scale /= by
	}
	if err != nil || !finite(scale) || scale <= 0 {
		return 0, 0, fail(hint, "%q is no positive number", text)
	}
	return scale, 0, nil
}

// ParseResize reads the shorter edge (256), height x width (256x320), "none", "squash" for the graph's size, or
// "letterbox" for it with proportions kept, which may have a size of its own (letterbox:640, letterbox:384x640).
func ParseResize(text string) (Resize, error) {
	switch text {
	case "none":
		return Resize{Mode: Keep}, nil
	case "squash":
		return Resize{}, nil
	case "letterbox":
		return Resize{Mode: Letterbox}, nil
	}
	size, boxed := strings.CutPrefix(text, "letterbox:")
	height, width, err := parseSize(size)
	switch {
	case err != nil:
		return Resize{}, fail("give the shorter edge (256), height x width (256x320), squash, letterbox or none",
			"cannot resize to %q", text)
	case boxed:
		return Resize{Mode: Letterbox, Height: height, Width: cmp.Or(width, height)}, nil
	case width == 0:
		return Resize{Mode: ShortestEdge, Edge: height}, nil
	}
	return Resize{Height: height, Width: width}, nil
}

// ParseCrop reads the edge of a square (224), height x width (224x288), or "none".
func ParseCrop(text string) (Crop, error) {
	if text == "none" {
		return Crop{}, nil
	}
	height, width, err := parseSize(text)
	if err != nil {
		return Crop{}, fail("give the edge of a square (224), height x width (224x288) or none", "cannot crop to %q",
			text)
	}
	if width == 0 {
		width = height
	}
	return Crop{Height: height, Width: width}, nil
}

// parseSize reads 12 as 12 and 0, and 12x34 as 12 and 34.
func parseSize(text string) (height, width int, err error) {
	first, second, both := strings.Cut(text, "x")
	height, err = strconv.Atoi(first)
	if both && err == nil {
		width, err = strconv.Atoi(second)
		if width < 1 {
			err = strconv.ErrRange
		}
	}
	if height < 1 || height > mostEdge || width > mostEdge {
		err = strconv.ErrRange
	}
	return height, width, err
}
