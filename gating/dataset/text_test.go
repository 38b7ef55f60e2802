package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// letters is a tokenizer that knows four words; special tokens stand around a text.
const letters = `{"model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "a": 1, "b": 2, "c": 3}},
	"pre_tokenizer": {"type": "WhitespaceSplit"}, "added_tokens": [{"id": 9, "content": "[PAD]"}],
	"post_processor": {"type": "BertProcessing", "cls": ["<", 7], "sep": [">", 8]}}`

func tokenInputsOf(length int, keys ...string) (fields []Field) {
	for _, key := range keys {
		fields = append(fields, Field{Name: key, Type: onnx.Int64, Shape: []int{-1, length}})
	}
	return fields
}

// besideTokenizer writes lines and a tokenizer into one folder.
func besideTokenizer(t *testing.T, lines string) string {
	t.Helper()
	path := store(t, "x.jsonl", []byte(lines))
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "tokenizer.json"), []byte(letters), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// partLines has one line for every sample, in the order of the file: its columns, the label last.
func partLines(d *Data) []string {
	lines := make([]string, d.Len())
	for _, p := range d.Parts() {
		for row := range p.own() {
			text := ""
			for _, c := range p.columns() {
				_, ints := c.row(row)
				text += fmt.Sprint(ints)
			}
			at := row
			if p.origins != nil {
				at = p.origins[row].row
			}
			lines[at] = text
		}
	}
	return lines
}

const sentences3 = `{"text": "a b", "label": 1}
{"text": "c", "label": 0}
{"text": "a a a a a b b", "label": 1}
`

// Text becomes what the graph's inputs are named after. Where the axis is symbolic samples have their own lengths, of
// multiples of eight where a mask tells padding from text; a fixed axis pads and cuts to itself, and that is said.
func TestText(t *testing.T) {
	for _, c := range []struct {
		name   string
		inputs []Field
		most   int
		want   []string
		says   string
	}{
		{"ids alone", tokenInputsOf(-1, "input_ids"), 0,
			[]string{"[7 1 2 8][1]", "[7 3 8][0]", "[7 1 1 1 1 1 2 2 8][1]"}, "tokenizer.json"},
		{"mask", tokenInputsOf(-1, "input_ids", "attention_mask"), 8,
			[]string{"[7 1 2 8 9 9 9 9][1 1 1 1 0 0 0 0][1]", "[7 3 8 9 9 9 9 9][1 1 1 0 0 0 0 0][0]",
				"[7 1 1 1 1 1 2 8][1 1 1 1 1 1 1 1][1]"}, "1 of 3 texts are cut to 8 tokens"},
		{"fixed", tokenInputsOf(5, "attention_mask", "input_ids", "position_ids"), 0,
			[]string{"[1 1 1 1 0][7 1 2 8 9][0 1 2 3 4][1]", "[1 1 1 0 0][7 3 8 9 9][0 1 2 3 4][0]",
				"[1 1 1 1 1][7 1 1 1 8][0 1 2 3 4][1]"}, "cut to 5"},
		{"fixed without mask", tokenInputsOf(4, "input"), 0, []string{"[7 1 2 8][1]", "[7 3 8 9][0]", "[7 1 1 8][1]"},
			"padded with token 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := mustOpen(t, besideTokenizer(t, sentences3), Options{Inputs: c.inputs, MaxLength: c.most})
			if got := partLines(d); !slices.Equal(got, c.want) {
				t.Errorf("got\n%q, want\n%q", got, c.want)
			}
			if notes := strings.Join(d.Notes, "\n"); !strings.Contains(notes, c.says) {
				t.Errorf("notes %q do not say %q", notes, c.says)
			}
		})
	}
}

// Two texts that belong together have types; several that do not are asked for.
func TestTextPairs(t *testing.T) {
	path := besideTokenizer(t, `{"premise": "a", "hypothesis": "b c", "label": 2}`)
	o := Options{Inputs: tokenInputsOf(-1, "input_ids", "token_type_ids")}
	if got := partLines(mustOpen(t, path, o)); got[0] != "[7 1 8 2 3 8][0 0 0 1 1 1][2]" {
		t.Errorf("got %q", got)
	}
	o.Text = []string{"hypothesis"}
	if got := partLines(mustOpen(t, path, o)); got[0] != "[7 2 3 8][0 0 0 0][2]" {
		t.Errorf("got %q", got)
	}
	o.Text = []string{"other"}
	_, err := Open(path, o)
	wantRefusal(t, err, `"other"`, `"premise", "hypothesis"`)
	_, err = Open(besideTokenizer(t, `{"title": "a", "body": "b", "label": 1}`), Options{Inputs: o.Inputs})
	wantRefusal(t, err, `"title", "body"`, "--text")
}

// The label "next" is the token that follows; nothing follows the last one, and padding does not count.
func TestNextToken(t *testing.T) {
	path := besideTokenizer(t, `{"text": "a b"}`+"\n"+`{"text": "c"}`)
	d := mustOpen(t, path, Options{Inputs: tokenInputsOf(5, "input_ids", "attention_mask"), Label: NextToken})
	if got := partLines(d); !slices.Equal(got, []string{"[7 1 2 8 9][1 1 1 1 0][1 2 8 -100 -100]",
		"[7 3 8 9 9][1 1 1 0 0][3 8 -100 -100 -100]"}) {
		t.Errorf("got %q", got)
	}
	d = mustOpen(t, path, Options{Inputs: tokenInputsOf(-1, "input_ids"), Label: NextToken})
	if got := partLines(d); !slices.Equal(got, []string{"[7 1 2 8][1 2 8 -100]", "[7 3 8][3 8 -100]"}) {
		t.Errorf("got %q", got)
	}
}

// Without a tokenizer, or with one that is no tokenizer, text is refused and the file named.
func TestTextRefused(t *testing.T) {
	o := Options{Inputs: tokenInputsOf(-1, "input_ids")}
	_, err := Open(store(t, "x.jsonl", []byte(sentences3)), o)
	wantRefusal(t, err, "no tokenizer", "--tokenizer", `"text"`)
	o.Tokenizer = store(t, "t.json", []byte(`{"model": {"type": "Odd"}}`))
	_, err = Open(store(t, "x.jsonl", []byte(sentences3)), o)
	wantRefusal(t, err, "t.json", `"Odd"`)
	o.Tokenizer = ""
	_, err = Open(besideTokenizer(t, `{"text": "a", "label": 0}`), Options{Inputs: o.Inputs, MaxLength: 2})
	wantRefusal(t, err, "row 0", "special tokens alone are 2")
	_, err = Open(store(t, "x.jsonl", []byte("{\n")), o)
	wantRefusal(t, err, "line 1")
}

// Text in Parquet goes the same way.
func TestTextInParquet(t *testing.T) {
	w := readWritten(t)
	d := mustOpen(t, filepath.Join(formats, "table.parquet"), Options{Inputs: tokenInputsOf(-1, "input_ids"),
		Tokenizer: "../../fixtures/tokenizers/bert-uncased.json"})
	if d.Len() != len(w.Texts) || d.Label.Name != "label" {
		t.Errorf("%d samples, label %q", d.Len(), d.Label.Name)
	}
}
