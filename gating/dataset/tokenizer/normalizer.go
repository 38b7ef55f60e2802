package tokenizer

import (
	"encoding/json"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalizer changes a text before it is cut into words.
type normalizer func(string) string

// component is how every part of a tokenizer.json begins.
type component struct {
	Type string `json:"type"`
}

// absent says whether a part of the file is missing or null.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// newNormalizer reads a normalizer; a missing one changes nothing.
func newNormalizer(raw json.RawMessage, depth int) (normalizer, error) {
	if absent(raw) {
		return func(s string) string { return s }, nil
	}
	var c normalizerFile
	if err := unmarshal("normalizer", raw, &c); err != nil {
		return nil, err
	}
	switch c.Type {
	case "Sequence":
		return sequence(c.Normalizers, depth, newNormalizer)
	case "BertNormalizer":
		b := bert{clean: orTrue(c.CleanText), chinese: orTrue(c.Chinese), lowercase: orTrue(c.Lowercase)}
		b.strip = b.lowercase
		if c.StripAccents != nil {
			b.strip = *c.StripAccents
		}
		return b.normalize, nil
	case "Replace":
		p, err := c.Pattern.compile("normalizer")
		return func(s string) string { return p.replace(s, c.Content) }, err
	case "Prepend":
		return func(s string) string {
			if s == "" {
				return s
			}
			return c.Prepend + s
		}, nil
	case "Strip":
		return func(s string) string { return strip(s, c.StripLeft, c.StripRight) }, nil
	case "Precompiled":
		return newCharsMap(c.Precompiled)
	}
	if simple, ok := normalizers[c.Type]; ok {
		return simple, nil
	}
	return nil, unsupported("normalizer", c.Type)
}

// normalizerFile is what a file says of a normalizer.
type normalizerFile struct {
	component
	Normalizers  []json.RawMessage `json:"normalizers"`
	Prepend      string            `json:"prepend"`
	StripLeft    bool              `json:"strip_left"`
	StripRight   bool              `json:"strip_right"`
	Pattern      pattern           `json:"pattern"`
	Content      string            `json:"content"`
	Precompiled  []byte            `json:"precompiled_charsmap"` // base64
	CleanText    *bool             `json:"clean_text"`
	Chinese      *bool             `json:"handle_chinese_chars"`
	StripAccents *bool             `json:"strip_accents"`
	Lowercase    *bool             `json:"lowercase"`
}

// normalizers are those without parameters.
var normalizers = map[string]normalizer{
	"NFC":          norm.NFC.String,
	"NFD":          norm.NFD.String,
	"NFKC":         norm.NFKC.String,
	"NFKD":         norm.NFKD.String,
	"Lowercase":    lowercase,
	"StripAccents": func(s string) string { return without(s, unicode.M) },
	"ByteLevel":    byteLevel,
}

// sequence applies parts one after another.
func sequence(list []json.RawMessage, depth int, read func(json.RawMessage, int) (normalizer, error)) (normalizer,
	error) {
	if depth == deepest {
		return nil, fail(again, "sequences are nested more than %d times", deepest)
	}
	var parts []normalizer
	for _, raw := range list {
		part, err := read(raw, depth+1)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return func(s string) string {
		for _, part := range parts {
			s = part(s)
		}
		return s
	}, nil
}

func orTrue(b *bool) bool { return b == nil || *b }

// lowercase lowers every character by itself: the sigma at the end of a word is as any other.
func lowercase(s string) string { return strings.ToLower(strings.ReplaceAll(s, "İ", "i\u0307")) }

// without drops the characters of a class.
func without(s string, class *unicode.RangeTable) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(class, r) {
			return -1
		}
		return r
	}, s)
}

func strip(s string, left, right bool) string {
	if left {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
	}
	if right {
		s = strings.TrimRightFunc(s, unicode.IsSpace)
	}
	return s
}

// bert is the normalizer of BERT's own code.
type bert struct{ clean, chinese, strip, lowercase bool }

func (b bert) normalize(s string) string {
	if b.clean {
		s = strings.Map(cleaned, s)
	}
	if b.chinese {
		s = spaced(s)
	}
	if b.strip {
		s = without(norm.NFD.String(s), unicode.Mn)
	}
	if b.lowercase {
		s = lowercase(s)
	}
	return s
}

// cleaned drops control characters and makes every white space a blank.
func cleaned(r rune) rune {
	switch {
	case r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r):
		return ' '
	case r == 0 || r == 0xfffd || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
		return -1
	}
	return r
}

// spaced puts blanks around ideographs of Chinese.
func spaced(s string) string {
	if strings.IndexFunc(s, isChinese) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isChinese(r) {
			b.WriteRune(' ')
			b.WriteRune(r)
			b.WriteRune(' ')
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isChinese knows the blocks of CJK ideographs that BERT takes for words of their own.
func isChinese(r rune) bool { return r >= 0x3400 && unicode.Is(chinese, r) }

var chinese = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x3400, Hi: 0x4dbf, Stride: 1}, {Lo: 0x4e00, Hi: 0x9fff, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x20000, Hi: 0x2a6df, Stride: 1}, {Lo: 0x2a700, Hi: 0x2b73f, Stride: 1},
		{Lo: 0x2b740, Hi: 0x2b81f, Stride: 1}, {Lo: 0x2b920, Hi: 0x2ceaf, Stride: 1},
		{Lo: 0x2f800, Hi: 0x2fa1f, Stride: 1}},
}
