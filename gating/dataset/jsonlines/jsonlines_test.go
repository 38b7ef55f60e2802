package jsonlines_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/jsonlines"
	"github.com/softmerge/softmerge/gating/dataset/record/recordtest"
	"github.com/softmerge/softmerge/onnx/advice"
)

func free(int) error { return nil }

func TestRead(t *testing.T) {
	for lines, want := range map[string]string{
		`{"text": "a", "label": 1}` + "\n\n" + `{"label": 2, "text": "b"}` + "\n": "text text undefined 0: [][][]a [][][]b; label numbers int64 0: [][1][] [][2][]",
		`{"x": [1, 2.5]}` + "\n" + `{"x": [3, 4]}`:                                "x numbers float64 1: [2][][1 2.5] [2][][3 4]",
		`{"x": [[1], [2]], "b": true}` + "\n" + `{"x": [[3], [4]], "b": false}`:   "x numbers int64 2: [2 1][1 2][] [2 1][3 4][]; b numbers bool 0: [][1][] [][0][]",
		`{"ids": [1, 2]}` + "\n" + `{"ids": []}` + "\n" + `{"ids": [3]}`:          "ids numbers int64 1: [2][1 2][] [0][][] [1][3][]",
		`{"big": 9007199254740993}`:                                               "big numbers int64 0: [][9007199254740993][]",
	} {
		columns, err := jsonlines.Read(strings.NewReader(lines), free)
		if got := recordtest.Show(columns); err != nil || got != want {
			t.Errorf("%s: got\n%s, %v, want\n%s", lines, got, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for lines, says := range map[string]string{
		"":                                     "no lines",
		"[1]":                                  "line 1",
		`{"a": 1}` + "\n" + `{"a": 1, "b": 2}`: `line 2 has the key "b"`,
		`{"a": 1, "b": 2}` + "\n" + `{"a": 1}`: `line 2 has no key "b"`,
		`{"a": 1}` + "\n" + `{"a": "x"}`:       `line 2: "a" holds text`,
		`{"a": [1, [2]]}`:                      `mixes`,
		`{"a": [[1], [2, 3]]}`:                 `1 and of 2`,
		`{"a": null}`:                          "null",
		`{"a": 1, "a": 2}`:                     "twice",
		`{"a": 1} {"a": 2}`:                    "not one object",
		`{"a": 1e999}`:                         "1e999",
		`[{"a": 1}, {"a": "x"}]`:               `line 2: "a" holds text`,
		`[{"a": 1}, 3]`:                        "line 2",
		`[{"a": 1}`:                            "does not end",
		`[{"a": 1} {"a": 2}]`:                  "object 2",
		`{"a": -1e400}`:                        "-1e400",
		`{"a": NaN}`:                           "line 1",
		`{"a": 99999999999999999999}` + "\n" + `{"a": [1]}`:                `"a" holds a list of numbers, before numbers`,
		`{"a": ` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`: "nested",
	} {
		_, err := jsonlines.Read(strings.NewReader(lines), free)
		if !errors.Is(err, jsonlines.ErrLines) || advice.Hint(err) == "" || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", lines, err)
		}
	}
	full := errors.New("full")
	if _, err := jsonlines.Read(strings.NewReader(`{"a": 1}`), func(int) error { return full }); err != full {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"a": [[1, 2], [3, 4.5]], "b": "x"}` + "\n" + `{"a": [[1, 2], [3, 4]], "b": "y"}`))
	f.Add([]byte("\ufeff" + ` [{"a": 18446744073709551616}, {"a": 1e308}]`))
	f.Add([]byte(`{"a": ` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		columns, err := jsonlines.Read(strings.NewReader(string(content)), free)
		if err != nil && !errors.Is(err, jsonlines.ErrLines) {
			t.Error(err)
		}
		recordtest.Show(columns)
	})
}
