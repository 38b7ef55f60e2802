package dataset

import (
	"math"
	"strings"
	"testing"
)

// Annotations that nobody would write by accident end in words, and change nothing else.
func TestHostileAnnotations(t *testing.T) {
	with := func(annotation string) string {
		return `{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 4, "name": "x"}],
			"annotations": [` + annotation + `]}`
	}
	many := strings.TrimSuffix(strings.Repeat(`{"image_id": 1, "category_id": 4, "bbox": [0, 0, 1, 1]},`, mostObjects+1), ",")
	for text, says := range map[string]string{
		with(`{"image_id": 1, "category_id": 4, "bbox": [1e999, 0, 1, 1]}`):        "1e999",
		with(`{"image_id": 1, "category_id": 4, "bbox": [1e308, 0, 1e308, 1]}`):    "the box is",
		with(`{"image_id": 1, "category_id": 4, "bbox": [NaN, 0, 1, 1]}`):          "invalid character",
		with(`{"image_id": 1, "category_id": 4, "bbox": [0, 0, -1, 1]}`):           "the box is",
		with(`{"image_id": 1, "category_id": 4, "bbox": [0, 0, 1]}`):               "the box is",
		with(`{"image_id": 1, "category_id": 4, "bbox": []}`):                      "the box is",
		with(`{"image_id": 2, "category_id": 4, "bbox": [0, 0, 1, 1]}`):            "image 2, which is not listed",
		with(`{"image_id": 1, "category_id": 5, "bbox": [0, 0, 1, 1]}`):            "category 5, which is not listed",
		with(`{"image_id": "x", "category_id": 4, "bbox": [0, 0, 1, 1]}`):          "invalid number",
		with(`{"image_id": 1, "category_id": 4, "segmentation": {"counts": "0"}}`): "the box is",
		with(many):                               "more than 2000 objects",
		with(strings.Repeat(`{"bbox":[`, 20000)): "max depth",
		`{"images": [{"id": 1}, {"id": 1}]}`:     "two images have one id",
		`{"images": [{"id": 1}], "categories": [{"id": 4}, {"id": 4.0}]}`: "has the id \"4.0\"",
		`{"images": [{"id": 1}], "categories": [{"id": 4}, {"id": 4}]}`:   "two categories have the id 4",
		`{"images": [{"id": 1}], "categories": [{"id": 1e30}]}`:           "has the id",
		`[]`:   "images, annotations, categories",
		`null`: "there are no images",
	} {
		_, _, err := parseCOCO([]byte(text))
		if says == "images, annotations, categories" && err != nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.120s: want %q: %v", text, says, err)
		}
	}
	_, boxes, err := parseCOCO([]byte(with(`{"image_id": 1, "category_id": 4, "iscrowd": 1,
		"segmentation": {"counts": [9, 9], "size": [3, 6]}}`)))
	if err != nil || len(boxes[0]) != 0 {
		t.Errorf("a crowd, whose mask is in runs: %v, %v", boxes, err)
	}
}

// FuzzCOCO reads annotations: what is taken has a class that is listed and finite corners in order.
func FuzzCOCO(f *testing.F) {
	f.Add([]byte(twoObjects))
	f.Add([]byte(`{"images": [{"id": 1}], "categories": [{"id": 90, "name": "x"}, {"id": -3}],
		"annotations": [{"image_id": 1, "category_id": 90, "bbox": [-1e300, 0, 1e300, 0]}]}`))
	f.Add([]byte(`{"images": [{"id": "1"}], "annotations": [{"image_id": 1.0, "bbox": [0, 0, 1, 1], "iscrowd": 2}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		c, boxes, err := parseCOCO(content)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if len(boxes) != len(c.Images) || len(c.ids) != len(c.Categories) {
			t.Fatalf("boxes of %d images, %d are listed; %d ids", len(boxes), len(c.Images), len(c.ids))
		}
		for _, list := range boxes {
			for _, o := range list {
				for _, v := range o {
					if math.IsNaN(v) || math.IsInf(v, 0) {
						t.Fatalf("an object %v", o)
					}
				}
				if o[0] < 0 || int(o[0]) >= len(c.names) || o[3] < o[1] || o[4] < o[2] {
					t.Fatalf("an object %v of %d classes", o, len(c.names))
				}
			}
		}
	})
}

// FuzzSets reads sets of classes as text: no set has a negative class, and what is read is read again.
func FuzzSets(f *testing.F) {
	for _, text := range []string{"3;7", "[3, 7]", "", "[]", "1|2 3,4", "[1", "-1", "99999999999999999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, ok := parseSet(text)
		if !ok {
			return
		}
		dst := make([]int64, len(set)+1)
		fillSet(dst, set)
		if dst[len(set)] != noClass {
			t.Errorf("%q is not filled up: %v", text, dst)
		}
		for _, class := range set {
			if class < 0 {
				t.Errorf("%q has class %d", text, class)
			}
		}
	})
}
