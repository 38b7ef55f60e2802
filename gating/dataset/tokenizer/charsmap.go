package tokenizer

import (
	"encoding/binary"
	"strings"

	"github.com/rivo/uniseg"
)

// charsMap is SentencePiece's precompiled map of characters: a double array trie (Darts-clone) from bytes to the offset
// of what replaces them.
type charsMap struct {
	trie []uint32
	text string // replacements, each ended by a zero byte
}

// newCharsMap reads a map: the size of the trie in bytes, the trie, the replacements.
func newCharsMap(blob []byte) (normalizer, error) {
	if len(blob) == 0 {
		return func(s string) string { return s }, nil
	}
	if len(blob) < 4 {
		return nil, fail(again, "the precompiled map of characters is too short")
	}
	size := int64(binary.LittleEndian.Uint32(blob))
	if size%4 != 0 || size > int64(len(blob)-4) {
		return nil, fail(again, "the precompiled map of characters is damaged")
	}
	m := charsMap{text: string(blob[4+size:])}
	for at := int64(4); at < 4+size; at += 4 {
		m.trie = append(m.trie, binary.LittleEndian.Uint32(blob[at:]))
	}
	return m.normalize, nil
}

// normalize replaces short grapheme clusters as a whole where the map has them, else their characters.
func (m charsMap) normalize(s string) string {
	const longest = 6
	var b strings.Builder
	for state := -1; s != ""; {
		var cluster string
		cluster, s, _, state = uniseg.FirstGraphemeClusterInString(s, state)
		if len(cluster) < longest {
			if text, ok := m.lookup(cluster); ok {
				b.WriteString(text)
				continue
			}
		}
		for _, r := range cluster {
			if text, ok := m.lookup(string(r)); ok {
				b.WriteString(text)
				continue
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// lookup returns what replaces the shortest beginning of key that is in the trie.
func (m charsMap) lookup(key string) (string, bool) {
	at := uint32(0)
	for i := -1; i < len(key); i++ {
		if i >= 0 {
			if key[i] == 0 {
				return "", false
			}
			at ^= uint32(key[i])
		}
		if int(at) >= len(m.trie) {
			return "", false
		}
		unit := m.trie[at]
		if i >= 0 && unit&(1<<31|0xff) != uint32(key[i]) {
			return "", false
		}
		at ^= unit >> 10 << (unit & (1 << 9) >> 6)
		if i >= 0 && unit>>8&1 == 1 {
			if int(at) >= len(m.trie) {
				return "", false
			}
			return m.replacement(m.trie[at] & (1<<31 - 1))
		}
	}
	return "", false
}

func (m charsMap) replacement(from uint32) (string, bool) {
	if int(from) > len(m.text) {
		return "", false
	}
	text, _, ok := strings.Cut(m.text[from:], "\x00")
	return text, ok
}
