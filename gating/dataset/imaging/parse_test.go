package imaging

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx/advice"
)

// TestParse reads files as the hubs have them. What is expected follows the source of transformers' processors and of
// timm's transforms_factory.
func TestParse(t *testing.T) {
	standard := Preprocess{Scale: Unit, Mean: half, Std: half, Interpolation: Bilinear, Layout: AutoLayout}
	with := func(p Preprocess, name string, change func(*Preprocess)) Preprocess {
		p.Convention = name
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		file string
		want Preprocess
	}{
		"ViT, as feature extractors wrote it": {
			`{"do_normalize": true, "do_resize": true, "feature_extractor_type": "ViTFeatureExtractor",
			  "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 2, "size": 224}`,
			with(standard, "ViT", func(p *Preprocess) { p.Resize = Resize{Height: 224, Width: 224} })},
		"CLIP, one number is the shorter edge": {
			`{"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 224, "do_center_crop": true,
			  "resample": 3, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}`,
			with(standard, "CLIP", func(p *Preprocess) {
				p.Resize, p.Crop = Resize{Mode: ShortestEdge, Edge: 224}, Crop{Height: 224, Width: 224, Floor: true}
				p.Interpolation, p.Mean, p.Std = Bicubic, []float64{.1, .2, .3}, []float64{.4, .5, .6}
			})},
		"ConvNext crops 7/8": {
			`{"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224}, "crop_pct": 0.875,
			  "resample": 3, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
			  "do_resize": true, "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": true}`,
			with(ImageNet(), "ConvNext", func(p *Preprocess) {
				p.Resize, p.Crop = Resize{Mode: ShortestEdge, Edge: 256}, Crop{Height: 224, Width: 224, Floor: true}
				p.Interpolation = Bicubic
			})},
		"ConvNext of 384 squashes": {
			`{"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 384}}`,
			with(standard, "ConvNext", func(p *Preprocess) {
				p.Resize, p.Interpolation = Resize{Height: 384, Width: 384}, Bicubic
			})},
		"MobileViT turns channels round": {
			`{"image_processor_type": "MobileViTImageProcessor", "size": {"shortest_edge": 288}, "resample": 2,
			  "crop_size": {"height": 256, "width": 256}, "do_center_crop": true, "do_flip_channel_order": true}`,
			with(standard, "MobileViT", func(p *Preprocess) {
				p.Resize, p.Crop = Resize{Mode: ShortestEdge, Edge: 288}, Crop{Height: 256, Width: 256, Floor: true}
				p.Mean, p.Std, p.BGR = nil, nil, true
			})},
		"Levit": {
			`{"image_processor_type": "LevitImageProcessor", "size": {"shortest_edge": 224}, "crop_size": 224}`,
			with(ImageNet(), "Levit", func(p *Preprocess) {
				p.Resize, p.Crop = Resize{Mode: ShortestEdge, Edge: 256}, Crop{Height: 224, Width: 224, Floor: true}
				p.Interpolation = Bicubic
			})},
		"EfficientNet divides twice": {
			`{"image_processor_type": "EfficientNetImageProcessor", "size": {"height": 346, "width": 346},
			  "crop_size": {"height": 289,
				"width": 289}, "do_center_crop": false, "resample": 0, "rescale_offset": true,
			  "rescale_factor": 0.01, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}`,
			with(standard, "EfficientNet", func(p *Preprocess) {
				p.Resize, p.Interpolation = Resize{Height: 346, Width: 346}, Nearest
				p.Scale, p.Std = 0.01, []float64{.25, .25, .25}
				p.Offset = -127.5 * p.Scale
			})},
		"a processor that is not known": {
			`{"image_processor_type": "MyImageProcessor", "size": [20, 30], "do_normalize": false, "do_rescale": false}`,
			with(standard, "My", func(p *Preprocess) {
				p.Resize, p.Mean, p.Std, p.Scale = Resize{Height: 20, Width: 30}, nil, nil, 1
			})},
		"a processor in a processor": {
			`{"processor_class": "CLIPProcessor", "image_processor": {"image_processor_type": "ViTImageProcessorFast",
			  "size": {"height": 64, "width": 48}, "do_normalize": null, "image_mean": 0.5, "image_std": 0.25}}`,
			with(standard, "ViT", func(p *Preprocess) {
				p.Resize, p.Mean, p.Std = Resize{Height: 64, Width: 48}, []float64{.5}, []float64{.25}
			})},
		"timm": {
			`{"architecture": "resnet50", "num_classes": 1000, "pretrained_cfg": {"input_size": [3, 224, 224],
			  "crop_pct": 0.95, "crop_mode": "center", "interpolation": "bicubic", "fixed_input_size": false,
			  "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "num_classes": 1000}}`,
			with(ImageNet(), "timm", func(p *Preprocess) {
				p.Resize, p.Crop = Resize{Mode: ShortestEdge, Edge: 235}, Crop{Height: 224, Width: 224}
				p.Interpolation = Bicubic
			})},
		"timm, squashed": {
			`{"input_size": [3, 224, 288], "crop_pct": 0.9, "crop_mode": "squash", "interpolation": "bilinear",
			  "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}`,
			with(standard, "timm", func(p *Preprocess) {
				p.Resize, p.Crop = Resize{Height: 248, Width: 320}, Crop{Height: 224, Width: 288}
			})},
		"timm, with a border": {
			`{"input_size": [3, 224, 224], "crop_pct": 1.0, "crop_mode": "border", "mean": [0.5, 0.25, 1], "std": [1, 1, 1]}`,
			with(standard, "timm", func(p *Preprocess) {
				p.Resize = Resize{Mode: Within, Height: 224, Width: 224}
				p.Crop = Crop{Height: 224, Width: 224, Fill: [3]uint8{128, 64, 255}}
				p.Mean, p.Std = []float64{.5, .25, 1}, []float64{1, 1, 1}
			})},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(c.file))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for file, want := range map[string]string{
		`[]`:                 "no JSON object",
		`{"hidden_size": 3}`: `no key says how images are preprocessed: the keys are ["hidden_size"]`,
		`{"do_resize": true, "do_normalize": false}`:                                            `no "size"`,
		`{"do_resize": 1}`:                                                                      `"do_resize" is "1"`,
		`{"do_resize": false, "do_center_crop": true, "do_normalize": false}`:                   `no "crop_size"`,
		`{"size": 5, "do_normalize": true}`:                                                     `no "image_mean"`,
		`{"size": {"shortest_edge": 5, "longest_edge": 9}, "do_normalize": false}`:              "want a number, or height",
		`{"size": 224, "resample": 9, "do_normalize": false}`:                                   "resample 9",
		`{"size": 224, "do_normalize": true, "image_mean": [0, 0, 0], "image_std": [0, 1, 1]}`:  "std 0",
		`{"size": 224, "do_normalize": true, "image_mean": [0, 0], "image_std": [1, 1, 1]}`:     "mean has 2",
		`{"size": 1000000, "do_normalize": false}`:                                              "1000000 pixels",
		`{"size": -1, "do_normalize": false}`:                                                   `"size" is`,
		`{"size": 224, "do_normalize": false, "do_pad": true}`:                                  `"do_pad" is not supported`,
		`{"image_processor_type": "ConvNext", "size": {"shortest_edge": 64}, "crop_pct": 1e-9}`: "pixels",
		`{"pretrained_cfg": {"input_size": [3, 224], "mean": [0, 0, 0]}}`:                       "input_size is [3 224]",
		`{"pretrained_cfg": {"crop_pct": 0}}`:                                                   "crop_pct is 0",
		`{"pretrained_cfg": {"crop_pct": 1, "crop_mode": "corner"}}`:                            `crop_mode "corner"`,
		`{"pretrained_cfg": {"interpolation": "spline"}}`:                                       `interpolation "spline"`,
		`{"do_resize": false, "do_normalize": false, "rescale_factor": -3}`:                     "scale -3",
		`{"do_resize": false, "do_normalize": false, "rescale_factor": "x"}`:                    `"rescale_factor" is`,
		`{"image_processor_type": 3}`:                                                           `"image_processor_type" is "3"`,
		`{"size": {"height": 3}, "do_normalize": false}`:                                        `"size" is`,
		`{"do_resize": false, "image_mean": [0,0,0], "image_std": "x"}`:                         `"image_std" is`,
	} {
		_, err := Parse([]byte(file))
		if err == nil || !errors.Is(err, ErrImage) || !strings.Contains(err.Error()+advice.Hint(err), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
}

func TestParseFlags(t *testing.T) {
	for text, want := range map[string]string{
		"1/255": "0.00392157 0", "0.5": "0.5 0", "0..1": "0.00392157 0", "-1..1": "0.00784314 -1", "0..255": "1 0",
		"": "refused", "0": "refused", "-1": "refused", "1/0": "refused", "NaN": "refused", "1..0": "refused",
		"0..Inf": "refused", "1..": "refused", "1/x": "refused",
	} {
		scale, offset, err := ParseScale(text)
		got := fmt.Sprintf("%.6g %.6g", scale, offset)
		if err != nil {
			got = "refused"
		}
		if got != want {
			t.Errorf("scale %q: got %s (%v), want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]Resize{
		"256": {Mode: ShortestEdge, Edge: 256}, "256x320": {Height: 256,
			Width: 320}, "none": {Mode: Keep}, "squash": {},
	} {
		if got, err := ParseResize(text); err != nil || got != want {
			t.Errorf("resize %q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "0", "-3", "3x", "x3", "3x0", "99999", "3x4x5", "1e3"} {
		if got, err := ParseResize(text); err == nil {
			t.Errorf("resize %q: got %+v", text, got)
		}
		if got, err := ParseCrop(text); err == nil {
			t.Errorf("crop %q: got %+v", text, got)
		}
	}
	if got, err := ParseCrop("224"); err != nil || got != (Crop{Height: 224, Width: 224}) {
		t.Errorf("crop 224: %+v, %v", got, err)
	}
}

// FuzzParse: whatever the file, there is a preprocessing that can be validated again, or a refusal.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224}, "crop_pct": 0.875}`))
	f.Add([]byte(`{"image_processor_type": "EfficientNetImageProcessor", "size": 3, "rescale_offset": true}`))
	f.Add([]byte(`{"pretrained_cfg": {"input_size": [3, 9, 9], "crop_pct": 0.95, "crop_mode": "border", "mean": [1]}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := Parse(file)
		if err != nil {
			if !errors.Is(err, ErrImage) {
				t.Fatal(err)
			}
			return
		}
		if again, err := p.Validate(); err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%+v is no longer valid: %v", p, err)
		}
		if _, err := Fit(p, []int{-1, 3, -1, -1}, true); err != nil && !errors.Is(err, ErrImage) {
			t.Fatal(err)
		}
	})
}

// TestNamed: every name has a preprocessing that is valid, and the scaling says what it does to black and white.
func TestNamed(t *testing.T) {
	ends := map[string][2]float64{
		"imagenet": {-2.117904, 2.248908}, "0..1": {0, 1}, "0..255": {0, 255}, "-1..1": {-1, 1},
		"caffe": {-103.939, 151.061}, "mnist": {-0.424213, 2.821487},
	}
	for _, name := range Names {
		p, ok := Named(name)
		channels := 3
		if len(p.Mean) == 1 {
			channels = 1
		}
		pipe, err := Fit(p, []int{-1, channels, 8, 8}, true)
		if !ok || err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range ends[name] {
			if got := float64(pipe.floats[0][i*255]); math.Abs(got-want) > 1e-5 {
				t.Errorf("%s: %d becomes %v, want %v", name, i*255, got, want)
			}
		}
	}
	if _, ok := Named("x"); ok {
		t.Error("x is a name")
	}
}
