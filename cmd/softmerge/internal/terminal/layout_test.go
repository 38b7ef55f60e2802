package terminal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

// printed is a table at a terminal's width.
func printed(t *testing.T, width int, rows [][]string, numbers ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := (&Voice{Out: &out, Columns: width}).Table(rows, numbers...); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// differing is a table of many columns, as diff prints.
func differing() [][]string {
	return [][]string{
		{"tensor", "layer", "shape", "change", "relative", "cosine", "max abs", ""},
		{"backbone.layer1.0.conv1.weight", "backbone.layer1.0.conv1", "[64 3 7 7]", "changed", "0.01235", "1", "0.3", ""},
		{"fc.bias", "fc", "[10] -> [12]", "reshaped", "-", "-", "-", "float32 -> float16"},
	}
}

// "My terminal is narrow and the table is unreadable": each width has the whole table, in columns.
func TestTableAtWidths(t *testing.T) {
	numbers := []string{"relative", "cosine", "max abs"}
	for width, want := range map[int]string{
		40: `tensor        layer         shape
  change    relative  cosine  max abs
backb...ight  backb...onv1  [64 3 7 7]
  changed    0.01235       1      0.3
fc.bias       fc            [10] -> [12]
  reshaped         -       -        -
  float32 -> float16
`,
		60: `tensor        layer         shape         change    relative
  cosine  max abs
backb...ight  backb...onv1  [64 3 7 7]    changed    0.01235
       1      0.3
fc.bias       fc            [10] -> [12]  reshaped         -
       -        -  float32 -> float16
`,
		80: `tensor         layer           shape         change    relative  cosine  max abs
backb...eight  backbo...conv1  [64 3 7 7]    changed    0.01235       1      0.3
fc.bias        fc              [10] -> [12]  reshaped         -       -        -
  float32 -> float16
`,
		200: "tensor                          layer                    shape         change    " +
			"relative  cosine  max abs\n" +
			"backbone.layer1.0.conv1.weight  backbone.layer1.0.conv1  [64 3 7 7]    changed    " +
			"0.01235       1      0.3\n" +
			"fc.bias                         fc                       [10] -> [12]  reshaped   " +
			"      -       -        -  float32 -> float16\n",
	} {
		if got := printed(t, width, differing(), numbers...); got != want {
			t.Errorf("%d columns:\n%swant\n%s", width, got, want)
		}
	}
}

// Judged models, as merge prints them.
func TestCandidatesAtWidths(t *testing.T) {
	rows := func() [][]string {
		return [][]string{
			{"candidate", "cross_entropy", "accuracy", ""},
			{"parent resnet50-finetuned-seed0.onnx", "0.6386", "0.7583",
				"its loss is not finite: node \"/layer1/Conv\" gives NaN"},
			{"soft:channel:rounded", "0.2132", "0.9250", "<- chosen"},
		}
	}
	for width, want := range map[int]string{
		40: `candidate        cross_entropy  accuracy
parent...0.onnx         0.6386    0.7583
  its loss is not finite: node
  "/layer1/Conv" gives NaN
soft:c...ounded         0.2132    0.9250
  <- chosen
`,
		60: `candidate                            cross_entropy  accuracy
parent resnet50-...tuned-seed0.onnx         0.6386    0.7583
  its loss is not finite: node "/layer1/Conv" gives NaN
soft:channel:rounded                        0.2132    0.9250
  <- chosen
`,
		80: `candidate                      cross_entropy  accuracy
parent resnet...ed-seed0.onnx         0.6386    0.7583  its loss is not finite:
                                                        node "/layer1/Conv"
                                                        gives NaN
soft:channel:rounded                  0.2132    0.9250  <- chosen
`,
		200: "candidate                             cross_entropy  accuracy\n" +
			"parent resnet50-finetuned-seed0.onnx         0.6386    0.7583  " +
			"its loss is not finite: node \"/layer1/Conv\" gives NaN\n" +
			"soft:channel:rounded                         0.2132    0.9250  <- chosen\n",
	} {
		if got := printed(t, width, rows(), "cross_entropy", "accuracy"); got != want {
			t.Errorf("%d columns:\n%swant\n%s", width, got, want)
		}
	}
}

// Whatever the table and the width: no line is wider, and no number loses a digit.
func TestTableFits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abc ./_é漢字e\u0301")
	cell := func(most int) string {
		word := make([]rune, random.IntN(most+1))
		for i := range word {
			word[i] = letters[random.IntN(len(letters))]
		}
		return strings.TrimSpace(string(word))
	}
	for range 2000 {
		columns, width := 1+random.IntN(8), 20+random.IntN(200)
		rows, numbers := [][]string{make([]string, columns)}, []string{}
		for c := range columns {
			rows[0][c] = fmt.Sprintf("h%d", c)
			if random.IntN(3) == 0 {
				numbers = append(numbers, rows[0][c])
			}
		}
		var digits []string
		for range random.IntN(5) {
			row := make([]string, columns)
			for c := range row {
				row[c] = cell(60)
				for _, n := range numbers {
					if n == rows[0][c] {
						row[c] = fmt.Sprintf("%d", random.IntN(1e9))
						digits = append(digits, row[c])
					}
				}
			}
			rows = append(rows, row)
		}
		got := printed(t, width, rows, numbers...)
		for _, line := range strings.Split(got, "\n") {
			if w := uniseg.StringWidth(line); w > width {
				t.Fatalf("%d columns: %q has %d\n%s", width, line, w, got)
			}
		}
		for _, d := range digits {
			if !strings.Contains(got, d) {
				t.Fatalf("%d columns: %s is lost in\n%s", width, d, got)
			}
		}
	}
}

func TestShortened(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"conv1", 5, "conv1"}, {"layer1.0.conv1.weight", 12, "layer...ight"}, {"layer1", 3, "..."}, {"layer1", 1, "."},
		{"漢字漢字漢字", 9, "漢...字"}, {"", 0, ""},
	} {
		if got := shortened(c.text, c.width); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
