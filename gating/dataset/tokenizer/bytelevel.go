package tokenizer

import "strings"

// byteRunes are the printable characters that stand for bytes (GPT-2): printable bytes for themselves, others from 256.
var byteRunes = func() (table [256]rune) {
	next := rune(256)
	for b := range table {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			table[b] = rune(b)
			continue
		}
		table[b] = next
		next++
	}
	return table
}()

// byteLevel writes the bytes of a text as characters.
func byteLevel(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(byteRunes[s[i]])
	}
	return b.String()
}

// gpt2Words cuts as GPT-2 does.
var gpt2Words = mustCompile(`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`)

// bytesOf cuts as GPT-2 does, if asked, and writes bytes as characters.
func bytesOf(prefix, cut bool) preTokenizer {
	return func(s string, _ bool) []string {
		if prefix && !strings.HasPrefix(s, " ") {
			s = " " + s
		}
		words := []string{s}
		if cut {
			words = split(s, gpt2Words.find(s), isolated)
		}
		for i, word := range words {
			words[i] = byteLevel(word)
		}
		return words
	}
}

// newMetaspace writes blanks as a mark and cuts before each; a mark is put before the text as the scheme says.
func newMetaspace(c preTokenizerFile) (preTokenizer, error) {
	mark, scheme := c.Replacement, c.PrependScheme
	if mark == "" {
		mark = "▁"
	}
	if scheme == "" {
		scheme = "always"
		if c.AddPrefixSpace != nil && !*c.AddPrefixSpace {
			scheme = "never"
		}
	}
	if scheme != "always" && scheme != "never" && scheme != "first" {
		return nil, unsupported("prepend_scheme", scheme)
	}
	return func(s string, first bool) []string {
		s = strings.ReplaceAll(s, " ", mark)
		if (scheme == "always" || scheme == "first" && first) && !strings.HasPrefix(s, mark) {
			s = mark + s
		}
		if !orTrue(c.Split) {
			return []string{s}
		}
		var spans [][2]int
		for at := 0; ; {
			i := strings.Index(s[at:], mark)
			if i < 0 {
				return split(s, spans, mergedWithNext)
			}
			spans = append(spans, [2]int{at + i, at + i + len(mark)})
			at += i + len(mark)
		}
	}, nil
}
