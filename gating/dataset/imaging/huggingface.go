package imaging

import (
	"cmp"
	"slices"
	"strings"
)

// processor is what an image processor of the transformers library does where its file is silent.
type processor struct {
	shortest  bool // a size of one number is that of the shorter edge, not of a square
	resample  int
	crop      bool
	flip      bool // blue, green, red
	plain     bool // without mean and deviation
	mean, std []float64
	share     float64 // crop_pct
}

var (
	half     = []float64{0.5, 0.5, 0.5}
	clipMean = []float64{0.48145466, 0.4578275, 0.40821073}
	clipStd  = []float64{0.26862954, 0.26130258, 0.27577711}
)

// processors by the beginnings of their names, of transformers 4.
var processors = map[string]processor{
	"ViT":          {resample: 2, mean: half, std: half},
	"DeiT":         {resample: 3, crop: true, mean: half, std: half},
	"Beit":         {resample: 3, crop: true, mean: half, std: half},
	"Siglip":       {resample: 3, mean: half, std: half},
	"CLIP":         {shortest: true, resample: 3, crop: true, mean: clipMean, std: clipStd},
	"ChineseCLIP":  {shortest: true, resample: 3, crop: true, mean: clipMean, std: clipStd},
	"Bit":          {shortest: true, resample: 3, crop: true, mean: clipMean, std: clipStd},
	"ConvNext":     {shortest: true, resample: 3, mean: half, std: half, share: imageNetShare},
	"MobileNetV1":  {shortest: true, resample: 2, crop: true, mean: half, std: half},
	"MobileNetV2":  {shortest: true, resample: 2, crop: true, mean: half, std: half},
	"MobileViT":    {shortest: true, resample: 2, crop: true, flip: true, plain: true},
	"EfficientNet": {resample: 0, mean: half, std: half},
	"Levit":        {shortest: true, resample: 3, crop: true, mean: ImageNetMean, std: ImageNetStd},
	"PoolFormer": {shortest: true, resample: 3, crop: true, mean: ImageNetMean, std: ImageNetStd,
		share: 0.9},
}

// otherSteps change pixels and are not known here: a file that asks for one is refused.
var otherSteps = []string{"do_pad", "do_thumbnail", "do_align_long_axis", "do_image_splitting", "do_pan_and_scan",
	"do_convert_grayscale", "do_equalize", "do_color_quantize"}

// huggingFace is a preprocessor_config.json while it is read.
type huggingFace struct {
	object
	kind string
	processor
	known bool // the processor is in the table
}

// parseHuggingFace reads a preprocessor_config.json as the processor that it names does.
func parseHuggingFace(o object) (p Preprocess, err error) {
	h := huggingFace{object: o}
	if err := h.identify(); err != nil {
		return p, err
	}
	p = Preprocess{Convention: cmp.Or(h.kind, "Hugging Face"), Crop: Crop{Floor: true}, Layout: AutoLayout}
	for _, step := range []func(*Preprocess) error{h.interpolation, h.sizes, h.rescale, h.normalise, h.channelOrder} {
		if err := step(&p); err != nil {
			return p, err
		}
	}
	return p, nil
}

// identify finds the processor's name and its defaults, and refuses steps that are not known.
func (h *huggingFace) identify() error {
	for _, key := range []string{"feature_extractor_type", "image_processor_type"} {
		if err := get(h.object, key, &h.kind, "a name"); err != nil {
			return err
		}
	}
	for _, suffix := range []string{"Fast", "ImageProcessor", "FeatureExtractor"} {
		h.kind = strings.TrimSuffix(h.kind, suffix)
	}
	h.processor, h.known = processors[h.kind]
	if !h.known {
		h.processor = processor{resample: -1}
	}
	for _, step := range otherSteps {
		does := false
		if err := get(h.object, step, &does, "true or false"); err != nil {
			return err
		}
		if does {
			return fail("preprocess the images yourself and save them as an .npz file", "%q is not supported", step)
		}
	}
	return nil
}

// does reads a switch.
func (h *huggingFace) does(key string, otherwise bool) (bool, error) {
	return otherwise, get(h.object, key, &otherwise, "true or false")
}

// resamples are Pillow's numbers.
var resamples = []Interpolation{Nearest, Lanczos, Bilinear, Bicubic, Box, Hamming}

func (h *huggingFace) interpolation(p *Preprocess) error {
	n := h.processor.resample
	if err := get(h.object, "resample", &n, "a number of 0 to 5"); err != nil {
		return err
	}
	if n < -1 || n >= len(resamples) {
		return fail("want 0 to 5, Pillow's numbers", "resample %d is not known", n)
	}
	p.Interpolation = resamples[max(n, 0)]
	if n < 0 {
		p.Interpolation = Bilinear
	}
	return nil
}

// rescale reads the factor, which is 1/255 where nothing else is said.
func (h *huggingFace) rescale(p *Preprocess) error {
	p.Scale = Unit
	rescales, err := h.does("do_rescale", true)
	if err != nil {
		return err
	}
	if err := get(h.object, "rescale_factor", &p.Scale, "a number"); err != nil {
		return err
	}
	if !rescales {
		p.Scale = Bytes
	}
	shifts, err := h.does("rescale_offset", false)
	if shifts && rescales {
		p.Offset = -127.5 * p.Scale
	}
	return err
}

// normalise reads mean and deviation.
func (h *huggingFace) normalise(p *Preprocess) error {
	normalises, err := h.does("do_normalize", !h.plain)
	if err != nil || !normalises {
		return err
	}
	p.Mean, p.Std = slices.Clone(h.mean), slices.Clone(h.std)
	if err := h.channels("image_mean", &p.Mean); err != nil {
		return err
	}
	if err := h.channels("image_std", &p.Std); err != nil {
		return err
	}
	if len(p.Mean) == 0 || len(p.Std) == 0 {
		return fail("add them to the file, or \"do_normalize\": false",
			"there is no \"image_mean\" or no \"image_std\"")
	}
	if twice, err := h.does("include_top", h.kind == "EfficientNet"); err != nil || !twice {
		return err
	}
	for c, v := range p.Std { // EfficientNet's processor divides by the deviation twice
		p.Std[c] = v * v
	}
	return nil
}

// channelOrder reads whether channels are turned round. Mean and deviation are in the order before that.
func (h *huggingFace) channelOrder(p *Preprocess) (err error) {
	p.BGR, err = h.does("do_flip_channel_order", h.flip)
	if p.BGR {
		slices.Reverse(p.Mean)
		slices.Reverse(p.Std)
	}
	return err
}
