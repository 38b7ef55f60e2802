package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// model gives the ids of a word.
type model interface {
	encode(ids []int64, word string) []int64
	// id returns the id of a token.
	id(token string) (int64, bool)
	// size is one more than the highest id.
	size() int64
}

// modelFile is what a file says of a model.
type modelFile struct {
	component
	Vocab       json.RawMessage `json:"vocab"`
	Unknown     *string         `json:"unk_token"`
	Prefix      *string         `json:"continuing_subword_prefix"`
	Suffix      *string         `json:"end_of_word_suffix"`
	MaxChars    int             `json:"max_input_chars_per_word"`
	Merges      json.RawMessage `json:"merges"`
	Fuse        bool            `json:"fuse_unk"`
	Bytes       bool            `json:"byte_fallback"`
	IgnoreMerge bool            `json:"ignore_merges"`
	Dropout     *float64        `json:"dropout"`
	UnknownID   *int            `json:"unk_id"`
}

func newModel(raw json.RawMessage) (model, error) {
	var f modelFile
	if absent(raw) {
		return nil, fail(again, "the file has no model")
	}
	if err := unmarshal("model", raw, &f); err != nil {
		return nil, err
	}
	if f.Dropout != nil && *f.Dropout != 0 {
		return nil, fail("set dropout to null", "the model drops merges at random (dropout %v)", *f.Dropout)
	}
	switch {
	case f.Type == "Unigram" || f.Type == "" && bytes.HasPrefix(bytes.TrimSpace(f.Vocab), []byte("[")):
		return newUnigram(f)
	case f.Type == "BPE" || f.Type == "" && !absent(f.Merges):
		return newBPE(f)
	case f.Type == "WordPiece" || f.Type == "" && f.Prefix != nil:
		return newWordPiece(f)
	case f.Type == "WordLevel":
		return newWordLevel(f)
	}
	return nil, unsupported("model", f.Type)
}

// vocabulary has the ids of tokens.
type vocabulary map[string]int64

func newVocabulary(raw json.RawMessage) (vocabulary, error) {
	v := vocabulary{}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fail(again, "the vocabulary is damaged: %v", err)
	}
	if len(v) == 0 {
		return nil, fail(again, "the vocabulary is empty")
	}
	for token, id := range v {
		if id < 0 || id > highestID {
			return nil, fail(again, "the token %.40q has the id %d", token, id)
		}
	}
	return v, nil
}

// highestID bounds ids, which index tables of embeddings.
const highestID = 1 << 31

func (v vocabulary) id(token string) (int64, bool) {
	id, ok := v[token]
	return id, ok
}

func (v vocabulary) size() int64 {
	highest := int64(-1)
	for _, id := range v {
		highest = max(highest, id)
	}
	return highest + 1
}

// unknown finds the token for what is not in the vocabulary; -1 if the file names none.
func (v vocabulary) unknown(name *string) (int64, error) {
	if name == nil {
		return -1, nil
	}
	id, ok := v[*name]
	if !ok {
		return 0, fail(again, "the unknown token %q is not in the vocabulary", *name)
	}
	return id, nil
}

// byteIDs returns the ids of <0x00> to <0xFF>, if all are there.
func (v vocabulary) byteIDs() (ids [256]int64, ok bool) {
	for b := range ids {
		if ids[b], ok = v[fmt.Sprintf("<0x%02X>", b)]; !ok {
			return ids, false
		}
	}
	return ids, true
}

// wordLevel knows whole words.
type wordLevel struct {
	vocabulary
	unk int64
}

func newWordLevel(f modelFile) (model, error) {
	v, err := newVocabulary(f.Vocab)
	if err != nil {
		return nil, err
	}
	unk, err := v.unknown(f.Unknown)
	return wordLevel{v, unk}, err
}

func (m wordLevel) encode(ids []int64, word string) []int64 {
	if id, ok := m.vocabulary[word]; ok {
		return append(ids, id)
	}
	if m.unk < 0 {
		return ids
	}
	return append(ids, m.unk)
}

// wordPiece takes the longest piece of the vocabulary from the left, again and again (BERT).
type wordPiece struct {
	vocabulary
	unk      int64
	prefix   string
	maxChars int
	longest  int // bytes of the longest token
}

func newWordPiece(f modelFile) (model, error) {
	v, err := newVocabulary(f.Vocab)
	if err != nil {
		return nil, err
	}
	m := wordPiece{vocabulary: v, prefix: "##", maxChars: 100}
	if f.Unknown == nil {
		f.Unknown = ptr("[UNK]")
	}
	if f.Prefix != nil {
		m.prefix = *f.Prefix
	}
	if f.MaxChars > 0 {
		m.maxChars = f.MaxChars
	}
	for token := range v {
		m.longest = max(m.longest, len(token))
	}
	m.unk, err = v.unknown(f.Unknown)
	return m, err
}

func ptr[T any](v T) *T { return &v }

func (m wordPiece) encode(ids []int64, word string) []int64 {
	if utf8.RuneCountInString(word) > m.maxChars {
		return append(ids, m.unk)
	}
	begin := len(ids)
	prefix := ""
	for word != "" {
		n := m.match(prefix, word)
		if n == 0 {
			return append(ids[:begin], m.unk)
		}
		ids = append(ids, m.vocabulary[prefix+word[:n]])
		word, prefix = word[n:], m.prefix
	}
	return ids
}

// match returns the length of the longest beginning of word that is a token.
func (m wordPiece) match(prefix, word string) int {
	for n := min(len(word), m.longest); n > 0; n-- {
		if n < len(word) && !utf8.RuneStart(word[n]) {
			continue
		}
		if _, ok := m.vocabulary[prefix+word[:n]]; ok {
			return n
		}
	}
	return 0
}

// splitMerge reads a merge, which is written "a b" or ["a", "b"].
func splitMerge(raw json.RawMessage) (a, b string, err error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		a, b, ok := strings.Cut(text, " ")
		if !ok || strings.Contains(b, " ") {
			return "", "", fail(again, "the merge %.40q is not two tokens", text)
		}
		return a, b, nil
	}
	var pair []string
	if json.Unmarshal(raw, &pair) != nil || len(pair) != 2 {
		return "", "", fail(again, "the merge %.40s is not two tokens", raw)
	}
	return pair[0], pair[1], nil
}
