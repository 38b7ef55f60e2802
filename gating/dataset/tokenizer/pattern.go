package tokenizer

import (
	"encoding/json"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// pattern is a string or a regular expression in the syntax of Oniguruma.
type pattern struct {
	String *string
	Regex  *string
}

// UnmarshalJSON takes {"String": ...}, {"Regex": ...} or a plain string.
func (p *pattern) UnmarshalJSON(raw []byte) error {
	var plain string
	if json.Unmarshal(raw, &plain) == nil {
		p.String = &plain
		return nil
	}
	type fields pattern
	return json.Unmarshal(raw, (*fields)(p))
}

// matcher finds a pattern in texts. Only backtracking knows the look-ahead that tokenizers use, so time is bounded.
type matcher struct{ *regexp2.Regexp }

// patience bounds one search in a text: patterns of real tokenizers take microseconds.
const patience = 5 * time.Second

func (p pattern) compile(what string) (matcher, error) {
	text := ""
	switch {
	case p.String != nil:
		text = regexp.QuoteMeta(*p.String)
	case p.Regex != nil:
		text = *p.Regex
	default:
		return matcher{}, fail(again, "the %s has no pattern", what)
	}
	re, err := regexp2.Compile(text, regexp2.None)
	if err != nil {
		return matcher{}, fail(again, "the pattern %.80q of the %s is not understood: %v", text, what, err)
	}
	re.MatchTimeout = patience
	return matcher{re}, nil
}

// mustCompile compiles patterns of the program.
func mustCompile(text string) matcher {
	m, err := pattern{Regex: &text}.compile("program")
	if err != nil {
		panic(err)
	}
	return m
}

// tooSlow is what a search that takes too long panics with; Encode makes an error of it.
type tooSlow struct{ pattern string }

// replace replaces every match by a text as it is.
func (m matcher) replace(s, by string) string {
	out, at := "", 0
	for _, span := range m.find(s) {
		out += s[at:span[0]] + by
		at = span[1]
	}
	return out + s[at:]
}

// find returns the byte ranges of all matches that are not empty.
func (m matcher) find(s string) (list [][2]int) {
	runes := []rune(s)
	at, bytes := 0, 0
	advance := func(to int) int {
		for ; at < to; at++ {
			bytes += utf8.RuneLen(runes[at])
		}
		return bytes
	}
	match, err := m.FindRunesMatch(runes)
	for ; err == nil && match != nil; match, err = m.FindNextMatch(match) {
		if match.Length > 0 {
			from := advance(match.Index)
			list = append(list, [2]int{from, advance(match.Index + match.Length)})
		}
	}
	if err != nil {
		panic(tooSlow{m.String()})
	}
	return list
}
