package tokenizer

import (
	"container/heap"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// bpe joins pairs of tokens, those learned first before others (Sennrich et al., ACL 2016).
type bpe struct {
	vocabulary
	merges         map[[2]int64]merge
	unk            int64
	prefix, suffix string
	fuse, ignore   bool
	bytes          [256]int64
	hasBytes       bool
}

// merge is what becomes of a pair of tokens, and when.
type merge struct {
	rank int
	id   int64
}

func newBPE(f modelFile) (model, error) {
	v, err := newVocabulary(f.Vocab)
	if err != nil {
		return nil, err
	}
	m := &bpe{vocabulary: v, fuse: f.Fuse, ignore: f.IgnoreMerge}
	if f.Prefix != nil {
		m.prefix = *f.Prefix
	}
	if f.Suffix != nil {
		m.suffix = *f.Suffix
	}
	if f.Bytes {
		m.bytes, m.hasBytes = v.byteIDs()
	}
	if f.Unknown != nil && *f.Unknown == "" {
		f.Unknown = nil
	}
	if m.unk, err = v.unknown(f.Unknown); err != nil {
		return nil, err
	}
	return m, m.readMerges(f.Merges)
}

func (m *bpe) readMerges(raw json.RawMessage) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return fail(again, "the merges are damaged: %v", err)
	}
	m.merges = make(map[[2]int64]merge, len(list))
	for rank, entry := range list {
		a, b, err := splitMerge(entry)
		if err != nil {
			return err
		}
		left, okA := m.vocabulary[a]
		right, okB := m.vocabulary[b]
		id, ok := m.vocabulary[a+strings.TrimPrefix(b, m.prefix)]
		if !okA || !okB || !ok {
			return fail(again, "merge %d of %q and %q: one of them or what they make is not in the vocabulary", rank,
				a, b)
		}
		if _, twice := m.merges[[2]int64{left, right}]; !twice {
			m.merges[[2]int64{left, right}] = merge{rank, id}
		}
	}
	return nil
}

func (m *bpe) encode(ids []int64, word string) []int64 {
	if m.ignore {
		if id, ok := m.vocabulary[word]; ok {
			return append(ids, id)
		}
	}
	return m.join(ids, m.characters(word))
}

// characters are the tokens of single characters.
func (m *bpe) characters(word string) (list []int64) {
	unknown := false
	for at := 0; at < len(word); {
		_, n := utf8.DecodeRuneInString(word[at:])
		text := word[at : at+n]
		char := text
		if at > 0 {
			text = m.prefix + text
		}
		if at += n; at == len(word) {
			text += m.suffix
		}
		if id, ok := m.vocabulary[text]; ok {
			list, unknown = append(list, id), false
			continue
		}
		if m.hasBytes {
			for i := range len(char) {
				list = append(list, m.bytes[char[i]])
			}
			unknown = false
			continue
		}
		if m.unk >= 0 && !(unknown && m.fuse) {
			list = append(list, m.unk)
		}
		unknown = true
	}
	return list
}

// join applies merges, the first of all that apply each time, and of equal ones the leftmost.
func (m *bpe) join(ids []int64, list []int64) []int64 {
	next, before := make([]int, len(list)), make([]int, len(list))
	var q mergeQueue
	push := func(at int) {
		if at < 0 || next[at] >= len(list) {
			return
		}
		if found, ok := m.merges[[2]int64{list[at], list[next[at]]}]; ok {
			heap.Push(&q, candidate{found.rank, at, list[at], list[next[at]], found.id})
		}
	}
	for i := range list {
		next[i], before[i] = i+1, i-1
	}
	for i := range list {
		push(i)
	}
	for len(q) > 0 {
		c := heap.Pop(&q).(candidate)
		if list[c.at] != c.left || next[c.at] >= len(list) || list[next[c.at]] != c.right {
			continue // one of the two is part of another token by now
		}
		gone := next[c.at]
		list[c.at], list[gone] = c.id, -1
		next[c.at] = next[gone]
		if next[c.at] < len(list) {
			before[next[c.at]] = c.at
		}
		push(before[c.at])
		push(c.at)
	}
	for i := 0; i < len(list); i = next[i] {
		ids = append(ids, list[i])
	}
	return ids
}

// candidate is a pair that could be joined.
type candidate struct {
	rank, at    int
	left, right int64
	id          int64
}

// mergeQueue has the candidate first that is joined first.
type mergeQueue []candidate

func (q mergeQueue) Len() int { return len(q) }
func (q mergeQueue) Less(i, j int) bool {
	return q[i].rank < q[j].rank || q[i].rank == q[j].rank && q[i].at < q[j].at
}
func (q mergeQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *mergeQueue) Push(x any)   { *q = append(*q, x.(candidate)) }
func (q *mergeQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
