// Package tokenizer makes ids of text as the tokenizer.json of Hugging Face says.
//
// It is our own because no library in pure Go does it whole: github.com/gomlx/go-huggingface v0.3.1 reads SentencePiece
// models only, and github.com/sugarme/tokenizer v0.3.0 panics on files of real models. What a file asks for that is not
// here is an error that names it, never something like it.
//
// Models are WordPiece, BPE, Unigram and WordLevel; the order of steps is that of the tokenizers library: added tokens
// are found, the rest is normalized, cut into words, and words into tokens; special tokens are put around.
package tokenizer

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// ErrTokenizer is the kind of every error of this package. Each has a hint.
var ErrTokenizer = errors.New("bad tokenizer")

func fail(hint, text string, args ...any) error {
	return advice.Errorf(ErrTokenizer, hint, text, args...)
}

const again = "save it again: tokenizer.save(\"tokenizer.json\")"

// unsupported refuses what a file asks for.
func unsupported(what, name string) error {
	return fail("tokenize the text yourself and save input_ids as arrays", "the %s %q is not known", what, name)
}

// unmarshal reads a part of the file.
func unmarshal(what string, raw json.RawMessage, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fail(again, "the %s is damaged: %v", what, err)
	}
	return nil
}

const (
	// mostBytes bounds a file: the largest of real models have 35 MB.
	mostBytes = 256 << 20
	// deepest bounds how sequences are nested in one another.
	deepest = 8
)

// Tokenizer makes ids of text. It does not change and may be used by several goroutines.
type Tokenizer struct {
	normalize normalizer
	cut       preTokenizer
	model     model
	raw       *addedTokens // found in the text as it is
	changed   *addedTokens // found in the normalized text
	template  template
	added     map[string]int64
	// MaxLength is how many tokens the file allows, 0 if it does not say.
	MaxLength int
	// Pad is what fills short samples up, and where.
	Pad Padding
}

// Padding is how short samples are filled up.
type Padding struct {
	ID     int64
	TypeID int64
	Left   bool
	Known  bool // the file says so, or a token's name does
}

// file is a tokenizer.json.
type file struct {
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Model         json.RawMessage `json:"model"`
	Truncation    *struct {
		MaxLength int `json:"max_length"`
	} `json:"truncation"`
	Padding *struct {
		Direction string `json:"direction"`
		PadID     int64  `json:"pad_id"`
		PadTypeID int64  `json:"pad_type_id"`
	} `json:"padding"`
}

// Load reads a tokenizer.json.
func Load(path string) (*Tokenizer, error) {
	content, err := untrusted.Read(path, mostBytes)
	if err != nil {
		return nil, fail("check that the file exists and can be read", "%w", err)
	}
	return Parse(content)
}

// Parse reads the content of a tokenizer.json.
func Parse(content []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(content, &f); err != nil {
		return nil, fail(again, "this is no tokenizer.json: %v", err)
	}
	t := &Tokenizer{added: map[string]int64{}}
	var err error
	if t.model, err = newModel(f.Model); err != nil {
		return nil, err
	}
	if t.normalize, err = newNormalizer(f.Normalizer, 0); err != nil {
		return nil, err
	}
	if t.cut, err = newPreTokenizer(f.PreTokenizer, 0); err != nil {
		return nil, err
	}
	if t.template, err = newTemplate(f.PostProcessor, 0); err != nil {
		return nil, err
	}
	t.add(f.AddedTokens)
	t.settle(f)
	return t, nil
}

// add divides the added tokens by the text that they are found in.
func (t *Tokenizer) add(list []addedToken) {
	var raw, changed []addedToken
	for _, a := range list {
		t.added[a.Content] = a.ID
		if a.Normalized {
			a.Content = t.normalize(a.Content)
			changed = append(changed, a)
		} else {
			raw = append(raw, a)
		}
	}
	t.raw, t.changed = newAddedTokens(raw), newAddedTokens(changed)
}

// settle finds the padding and the length.
func (t *Tokenizer) settle(f file) {
	if f.Truncation != nil && f.Truncation.MaxLength > 0 {
		t.MaxLength = f.Truncation.MaxLength
	}
	if p := f.Padding; p != nil {
		t.Pad = Padding{ID: p.PadID, TypeID: p.PadTypeID, Left: strings.EqualFold(p.Direction, "left"), Known: true}
		return
	}
	for _, name := range []string{"[PAD]", "<pad>", "<|padding|>", "<|pad|>", "<|endoftext|>", "</s>"} {
		if id, ok := t.ID(name); ok {
			t.Pad = Padding{ID: id, Known: true}
			return
		}
	}
}

// ID returns the id of a token by its text.
func (t *Tokenizer) ID(token string) (int64, bool) {
	if id, ok := t.added[token]; ok {
		return id, true
	}
	return t.model.id(token)
}

// Size is one more than the highest id that Encode can give.
func (t *Tokenizer) Size() int64 {
	size := t.model.size()
	for _, id := range t.added {
		size = max(size, id+1)
	}
	return size
}

// Encoding is what a network gets of a text or of two.
type Encoding struct {
	IDs     []int64
	TypeIDs []int64 // 0 for the first text, mostly 1 for the second
	Cut     bool    // tokens were left out
}

// Encode makes ids of one text, or of two that belong together, with the special tokens around them. At most so many
// tokens are kept, as many as there are if most is 0: the longer text loses tokens at its end first.
func (t *Tokenizer) Encode(most int, texts ...string) (e Encoding, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case tooSlow:
			err = fail("shorten the text", "the pattern %.80q takes too long on a text", r.pattern)
		default:
			panic(r)
		}
	}()
	form := t.template.single
	if len(texts) == 2 {
		form = t.template.pair
	}
	if len(texts) < 1 || len(texts) > 2 || len(form) == 0 {
		return e, fail("give one text", "there is no form for %d texts", len(texts))
	}
	var ids [2][]int64
	for i, text := range texts {
		ids[i] = t.tokens(text)
	}
	if most > 0 {
		if most <= special(form) {
			return e, fail("allow more tokens", "%d tokens: the special tokens alone are %d", most, special(form))
		}
		e.Cut = shorten(&ids, most-special(form))
	}
	for _, s := range form {
		part := s.ids
		if part == nil {
			part = ids[s.text]
		}
		for _, id := range part {
			e.IDs, e.TypeIDs = append(e.IDs, id), append(e.TypeIDs, s.typeID)
		}
	}
	return e, nil
}

// shorten leaves at most so many tokens of two texts, of the longer one fewer ("longest_first").
func shorten(ids *[2][]int64, most int) bool {
	a, b := len(ids[0]), len(ids[1])
	if a+b <= most {
		return false
	}
	short, long := min(a, b), min(a, b)
	if short <= most {
		long = max(short, most-short)
	}
	if short+long > most {
		short = most / 2
		long = short + most%2
	}
	if a > b {
		short, long = long, short
	}
	ids[0], ids[1] = ids[0][:min(a, short)], ids[1][:min(b, long)]
	return true
}

// tokens makes ids of a text, without special tokens around it.
func (t *Tokenizer) tokens(text string) (ids []int64) {
	text = strings.ToValidUTF8(text, "\ufffd")
	for _, p := range t.raw.split(text, true) {
		if p.isToken {
			ids = append(ids, p.id)
			continue
		}
		for _, q := range t.changed.split(t.normalize(p.text), p.first) {
			if q.isToken {
				ids = append(ids, q.id)
				continue
			}
			for _, word := range t.cut(q.text, q.first) {
				if word != "" {
					ids = t.model.encode(ids, word)
				}
			}
		}
	}
	return ids
}
