package tokenizer

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// preTokenizer cuts a text into words. first says that the text begins where the whole text does.
type preTokenizer func(text string, first bool) []string

// newPreTokenizer reads a pre-tokenizer; a missing one leaves a text whole.
func newPreTokenizer(raw json.RawMessage, depth int) (preTokenizer, error) {
	if absent(raw) {
		return func(text string, _ bool) []string { return []string{text} }, nil
	}
	var c preTokenizerFile
	if err := unmarshal("pre-tokenizer", raw, &c); err != nil {
		return nil, err
	}
	switch c.Type {
	case "Sequence":
		return preSequence(c.PreTokenizers, depth)
	case "ByteLevel":
		return bytesOf(orTrue(c.AddPrefixSpace), orTrue(c.UseRegex)), nil
	case "Metaspace":
		return newMetaspace(c)
	case "BertPreTokenizer":
		return bertWords, nil
	case "Whitespace":
		return func(s string, _ bool) []string { return matched(s, wordsOrMarks.find(s)) }, nil
	case "WhitespaceSplit":
		return func(s string, _ bool) []string { return strings.FieldsFunc(s, unicode.IsSpace) }, nil
	case "Punctuation":
		return byClass(isPunctuation, false, c.Behavior)
	case "Digits":
		return byClass(unicode.IsNumber, !c.IndividualDigits, "Isolated")
	case "CharDelimiterSplit":
		return byClass(func(r rune) bool { return string(r) == c.Delimiter }, false, "Removed")
	case "Split":
		return newSplit(c)
	}
	return nil, unsupported("pre-tokenizer", c.Type)
}

// preTokenizerFile is what a file says of a pre-tokenizer.
type preTokenizerFile struct {
	component
	PreTokenizers    []json.RawMessage `json:"pretokenizers"`
	AddPrefixSpace   *bool             `json:"add_prefix_space"`
	UseRegex         *bool             `json:"use_regex"`
	Replacement      string            `json:"replacement"`
	PrependScheme    string            `json:"prepend_scheme"`
	Split            *bool             `json:"split"`
	Behavior         string            `json:"behavior"`
	IndividualDigits bool              `json:"individual_digits"`
	Pattern          pattern           `json:"pattern"`
	Invert           bool              `json:"invert"`
	Delimiter        string            `json:"delimiter"`
}

// preSequence cuts words by every part in turn.
func preSequence(list []json.RawMessage, depth int) (preTokenizer, error) {
	if depth == deepest {
		return nil, fail(again, "sequences are nested more than %d times", deepest)
	}
	var parts []preTokenizer
	for _, raw := range list {
		part, err := newPreTokenizer(raw, depth+1)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return func(text string, first bool) []string {
		words := []string{text}
		for _, part := range parts {
			var next []string
			for i, word := range words {
				next = append(next, part(word, first && i == 0)...)
			}
			words = next
		}
		return words
	}, nil
}

// wordsOrMarks is what the pre-tokenizer Whitespace keeps: words, and runs of what is neither word nor white space.
var wordsOrMarks = mustCompile(`[\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}]+|[^\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\s]+`)

// matched returns the parts of a text.
func matched(s string, spans [][2]int) []string {
	words := make([]string, len(spans))
	for i, span := range spans {
		words[i] = s[span[0]:span[1]]
	}
	return words
}

// isPunctuation is all of ASCII that is neither letter, digit nor control, and Unicode's punctuation.
func isPunctuation(r rune) bool {
	if r < 0x80 {
		return r > ' ' && r < 0x7f && !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
	}
	return unicode.IsPunct(r)
}

// bertWords cuts at white space and takes every punctuation mark for a word.
func bertWords(s string, _ bool) []string {
	var words []string
	for _, field := range strings.FieldsFunc(s, unicode.IsSpace) {
		words = append(words, split(field, runs(field, isPunctuation, false), isolated)...)
	}
	return words
}

// byClass cuts at characters of a class, taken together where they follow one another if asked.
func byClass(class func(rune) bool, together bool, name string) (preTokenizer, error) {
	how, err := newBehavior(name)
	return func(s string, _ bool) []string { return split(s, runs(s, class, together), how) }, err
}

// runs returns the places of characters of a class, one by one or together.
func runs(s string, class func(rune) bool, together bool) (spans [][2]int) {
	for i, r := range s {
		if !class(r) {
			continue
		}
		end := i + utf8.RuneLen(r)
		if n := len(spans); together && n > 0 && spans[n-1][1] == i {
			spans[n-1][1] = end
			continue
		}
		spans = append(spans, [2]int{i, end})
	}
	return spans
}

// newSplit cuts at a pattern, or at what it does not match.
func newSplit(c preTokenizerFile) (preTokenizer, error) {
	how, err := newBehavior(c.Behavior)
	if err != nil {
		return nil, err
	}
	m, err := c.Pattern.compile("pre-tokenizer Split")
	return func(s string, _ bool) []string {
		list := pieces(s, m.find(s))
		for i := range list {
			list[i].delimits = list[i].delimits != c.Invert
		}
		return joined(s, list, how)
	}, err
}

// behavior says what becomes of the places where a text is cut.
type behavior string

const (
	removed            behavior = "Removed"
	isolated           behavior = "Isolated"
	mergedWithPrevious behavior = "MergedWithPrevious"
	mergedWithNext     behavior = "MergedWithNext"
	contiguous         behavior = "Contiguous"
)

func newBehavior(name string) (behavior, error) {
	b := behavior(name)
	if name == "" {
		b = isolated
	}
	for _, known := range []behavior{removed, isolated, mergedWithPrevious, mergedWithNext, contiguous} {
		if strings.EqualFold(string(known), strings.ReplaceAll(string(b), "_", "")) {
			return known, nil
		}
	}
	return b, unsupported("behavior of a split", name)
}

// cutPiece is a part of a text that is or is not where it is cut.
type cutPiece struct {
	from, to int
	delimits bool
}

// pieces returns the spans of a text, which cut it, and what is between them.
func pieces(s string, spans [][2]int) (list []cutPiece) {
	at := 0
	for _, span := range append(slices.Clip(spans), [2]int{len(s), len(s)}) {
		if span[0] > at {
			list = append(list, cutPiece{at, span[0], false})
		}
		if span[1] > span[0] {
			list = append(list, cutPiece{span[0], span[1], true})
		}
		at = span[1]
	}
	return list
}

// split cuts a text at spans.
func split(s string, spans [][2]int, how behavior) []string { return joined(s, pieces(s, spans), how) }

// joined makes words of pieces.
func joined(s string, list []cutPiece, how behavior) (words []string) {
	for i, p := range list {
		after := i > 0 && list[i-1].delimits // what stands before cuts
		begins := i == 0
		switch n := len(words); {
		case how == removed && p.delimits:
		case how == mergedWithPrevious && p.delimits && !begins && !after,
			how == mergedWithNext && !p.delimits && after,
			how == contiguous && !begins && p.delimits == after:
			words[n-1] += s[p.from:p.to]
		default:
			words = append(words, s[p.from:p.to])
		}
	}
	return words
}
