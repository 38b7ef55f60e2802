package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is found in the text before anything else is.
type addedToken struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// part is a piece of text, or a token that was found.
type part struct {
	text    string
	id      int64
	isToken bool
	first   bool // the text begins where the whole text does
}

// addedTokens finds added tokens in texts: of those that begin first the longest.
type addedTokens struct {
	byContent map[string]addedToken
	starts    [256]bool // first bytes of tokens
	longest   int
}

func newAddedTokens(list []addedToken) *addedTokens {
	a := &addedTokens{byContent: map[string]addedToken{}}
	for _, t := range list {
		if t.Content == "" {
			continue
		}
		a.byContent[t.Content] = t
		a.starts[t.Content[0]] = true
		a.longest = max(a.longest, len(t.Content))
	}
	return a
}

// split divides a text at the tokens in it.
func (a *addedTokens) split(text string, first bool) (parts []part) {
	done := 0
	for at := 0; at < len(text); {
		t, ok := a.at(text, at)
		if !ok {
			at++
			continue
		}
		from, to := at, at+len(t.Content)
		if t.LStrip {
			from = done + len(strings.TrimRightFunc(text[done:at], unicode.IsSpace))
		}
		if t.RStrip {
			to = len(text) - len(strings.TrimLeftFunc(text[to:], unicode.IsSpace))
		}
		if from > done {
			parts = append(parts, part{text: text[done:from], first: first && done == 0})
		}
		parts = append(parts, part{id: t.ID, isToken: true})
		done, at = to, to
	}
	if done < len(text) {
		parts = append(parts, part{text: text[done:], first: first && done == 0})
	}
	return parts
}

// at returns the longest token that begins at a place.
func (a *addedTokens) at(text string, at int) (addedToken, bool) {
	if !a.starts[text[at]] {
		return addedToken{}, false
	}
	for n := min(a.longest, len(text)-at); n > 0; n-- {
		t, ok := a.byContent[text[at:at+n]]
		if ok && (!t.SingleWord || isAlone(text, at, at+n)) {
			return t, true
		}
	}
	return addedToken{}, false
}

// isAlone says whether no letter or digit stands beside a part of a text.
func isAlone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	return !(from > 0 && isWord(before)) && !(to < len(text) && isWord(after))
}

func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) || unicode.Is(unicode.Pc, r)
}
