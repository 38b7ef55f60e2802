package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx/advice"
)

// words is a tokenizer.json of whole words with the parts given.
func words(parts string) []byte {
	return []byte(`{"model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "a": 1, "b": 2, "c": 3, "(": 4, ")": 5,
		"▁a": 6, "1": 7, "12": 8}}` + parts + `}`)
}

// Parts that the JavaScript library has otherwise than the Rust one are held to the Rust one's documentation.
func TestParts(t *testing.T) {
	for _, c := range []struct {
		parts, text string
		want        []int64
	}{
		{`, "pre_tokenizer": {"type": "Punctuation"}`, "a()b", []int64{1, 4, 5, 2}},
		{`, "pre_tokenizer": {"type": "Punctuation", "behavior": "Removed"}`, "a()b", []int64{1, 2}},
		{`, "pre_tokenizer": {"type": "Whitespace"}`, "a  (b\n)", []int64{1, 4, 2, 5}},
		{`, "pre_tokenizer": {"type": "CharDelimiterSplit", "delimiter": "-"}`, "a-b", []int64{1, 2}},
		{`, "pre_tokenizer": {"type": "Digits"}`, "a12b", []int64{1, 8, 2}},
		{`, "pre_tokenizer": {"type": "Metaspace", "add_prefix_space": true}`, "a a", []int64{6, 6}},
		{`, "pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "never"}`, "a a", []int64{1, 6}},
		{`, "pre_tokenizer": {"type": "WhitespaceSplit"}, "added_tokens": [{"id": 9, "content": "b", "single_word": true}]`,
			"b ab", []int64{9, 0}},
		{`, "pre_tokenizer": {"type": "WhitespaceSplit"}, "normalizer": {"type": "Lowercase"},
			"added_tokens": [{"id": 9, "content": "B", "normalized": true}, {"id": 10, "content": "C"}]`, "b B c C",
			[]int64{9, 9, 3, 10}},
		{`, "pre_tokenizer": {"type": "Split", "pattern": "b", "behavior": "MergedWithNext"}`, "abc", []int64{1, 0}},
		{`, "pre_tokenizer": {"type": "Split", "pattern": {"String": "("}, "behavior": "merged_with_previous"}`, "a(a",
			[]int64{0, 1}},
	} {
		tok, err := Parse(words(c.parts))
		if err != nil {
			t.Fatalf("%s: %v", c.parts, err)
		}
		if e, err := tok.Encode(0, c.text); err != nil || !slices.Equal(e.IDs, c.want) {
			t.Errorf("%s %q: got %v, %v, want %v", c.parts, c.text, e.IDs, err, c.want)
		}
	}
}

// The longer of two texts loses tokens first; special tokens are never lost.
func TestTruncation(t *testing.T) {
	tok, err := Parse(words(`, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": {"type": "BertProcessing",
		"cls": ["?", 0], "sep": ["?", 0]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		most  int
		texts []string
		want  string
		cut   bool
	}{
		{0, []string{"a a a"}, "[0 1 1 1 0] [0 0 0 0 0]", false},
		{5, []string{"a a a"}, "[0 1 1 1 0] [0 0 0 0 0]", false},
		{4, []string{"a a a"}, "[0 1 1 0] [0 0 0 0]", true},
		{7, []string{"a", "b b b b"}, "[0 1 0 2 2 2 0] [0 0 0 1 1 1 1]", true},
		{7, []string{"a a a a", "b"}, "[0 1 1 1 0 2 0] [0 0 0 0 0 1 1]", true},
		{8, []string{"a a a a", "b b b b"}, "[0 1 1 0 2 2 2 0] [0 0 0 0 1 1 1 1]", true},
	} {
		e, err := tok.Encode(c.most, c.texts...)
		if got := fmt.Sprint(e.IDs, " ", e.TypeIDs); err != nil || strings.ReplaceAll(got, "]  [", "] [") != c.want ||
			e.Cut != c.cut {
			t.Errorf("%d %q: got %s, cut %v, %v; want %s", c.most, c.texts, got, e.Cut, err, c.want)
		}
	}
	if _, err := tok.Encode(2, "a"); !errors.Is(err, ErrTokenizer) {
		t.Errorf("two tokens: %v", err)
	}
}

// Padding comes from the file, or from the name of a token.
func TestPadding(t *testing.T) {
	for parts, want := range map[string]Padding{
		`, "padding": {"direction": "Left", "pad_id": 3, "pad_type_id": 1}`: {ID: 3, TypeID: 1, Left: true,
			Known: true},
		`, "added_tokens": [{"id": 12, "content": "[PAD]"}]`: {ID: 12, Known: true},
		``: {},
	} {
		if tok, err := Parse(words(parts)); err != nil || tok.Pad != want {
			t.Errorf("%s: %v, %v", parts, tok.Pad, err)
		}
	}
}

// What is not known is named, and never taken for something like it.
func TestRefused(t *testing.T) {
	for parts, says := range map[string]string{
		`, "normalizer": {"type": "Nmt"}`:                                                               `normalizer "Nmt"`,
		`, "pre_tokenizer": {"type": "UnicodeScripts"}`:                                                 `pre-tokenizer "UnicodeScripts"`,
		`, "post_processor": {"type": "Other"}`:                                                         `post-processor "Other"`,
		`, "pre_tokenizer": {"type": "Split", "behavior": "Odd", "pattern": "a"}`:                       `"Odd"`,
		`, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(("}}`:                              "pattern",
		`, "pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "odd"}`:                             "prepend_scheme",
		`, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "AQAAAA=="}`:                   "map of characters",
		`, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}]}`: `"x"`,
		`, "normalizer": ` + strings.Repeat(`{"type": "Sequence", "normalizers": [`, 20) + strings.Repeat(`]}`,
			20): "nested",
	} {
		_, err := Parse(words(parts))
		if !errors.Is(err, ErrTokenizer) || advice.Hint(err) == "" || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", parts, err)
		}
	}
	for file, says := range map[string]string{
		`{}`:                           "no model",
		`[]`:                           "no tokenizer.json",
		`{"model": {"type": "Other"}}`: `model "Other"`,
		`{"model": {"type": "WordPiece", "vocab": {"a": 0}}}`:                         `unknown token "[UNK]"`,
		`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}`:            "merge 0",
		`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}}`: "dropout",
		`{"model": {"type": "Unigram", "vocab": [["a", -1]], "unk_id": 3}}`:           "unk_id 3",
		`{"model": {"type": "WordLevel", "vocab": {"a": -1}}}`:                        "the id -1",
		`{"model": {"type": "Unigram", "vocab": []}}`:                                 "empty",
	} {
		if _, err := Parse([]byte(file)); !errors.Is(err, ErrTokenizer) || advice.Hint(err) == "" ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// trie writes a map of characters as Darts-clone lays it out: each key has a base of its own, which wastes room.
func trie(rules map[string]string) []byte {
	units := make([]uint32, 256)
	used := map[uint32]bool{0: true}
	next := uint32(256)
	var text []byte
	base := map[string]uint32{}
	grow := func(at uint32) {
		for uint32(len(units)) <= at {
			units = append(units, 0)
		}
	}
	setBase := func(prefix string, at uint32) uint32 {
		if b, ok := base[prefix]; ok {
			return b
		}
		b := next
		next += 256
		grow(b + 255)
		units[at] |= (at ^ b) << 10
		base[prefix] = b
		return b
	}
	for key, value := range rules {
		at := uint32(0)
		for i := range len(key) {
			b := setBase(key[:i], at)
			at = b ^ uint32(key[i])
			units[at] |= uint32(key[i])
			used[at] = true
		}
		b := setBase(key, at)
		units[at] |= 1 << 8
		units[b] = 1<<31 | uint32(len(text))
		text = append(append(text, value...), 0)
	}
	blob := binary.LittleEndian.AppendUint32(nil, uint32(4*len(units)))
	for _, u := range units {
		blob = binary.LittleEndian.AppendUint32(blob, u)
	}
	return append(blob, text...)
}

// A precompiled map replaces clusters as a whole, else characters, and leaves what it does not have.
func TestCharsMap(t *testing.T) {
	blob := trie(map[string]string{"Ａ": "A", "e\u0301": "é", "\t": " ", "x": ""})
	n, err := newNormalizer(fmt.Appendf(nil, `{"type": "Precompiled", "precompiled_charsmap": %q}`,
		base64.StdEncoding.EncodeToString(blob)), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := n("Ａb\te\u0301x猫Ａ"); got != "Ab é猫A" {
		t.Errorf("got %q", got)
	}
}

func FuzzTokenizer(f *testing.F) {
	list, err := filepath.Glob("../../../fixtures/tokenizers/*.json")
	if err != nil || len(list) == 0 {
		f.Fatal("no fixtures")
	}
	for _, path := range list {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if json.Valid(content) {
			f.Add(content, "A text — 猫 <mask>\t12")
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, text string) {
		tok, err := Parse(content)
		if err != nil {
			if !errors.Is(err, ErrTokenizer) {
				t.Errorf("%v", err)
			}
			return
		}
		e, err := tok.Encode(64, text)
		if err == nil && (len(e.IDs) > 64 || len(e.IDs) != len(e.TypeIDs)) {
			t.Errorf("%d ids, %d types", len(e.IDs), len(e.TypeIDs))
		}
	})
}
