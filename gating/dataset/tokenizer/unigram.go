package tokenizer

import (
	"encoding/json"
	"math"
	"unicode/utf8"
)

// unigram takes the pieces whose scores have the highest sum (Kudo, ACL 2018).
type unigram struct {
	vocabulary
	scores   map[string]float64
	unk      int64
	unkScore float64
	longest  int // bytes of the longest piece
	bytes    [256]int64
	hasBytes bool
}

// unkPenalty is how much less than the least likely piece an unknown character scores (SentencePiece).
const unkPenalty = 10

func newUnigram(f modelFile) (model, error) {
	var pieces [][2]json.RawMessage
	if err := json.Unmarshal(f.Vocab, &pieces); err != nil {
		return nil, fail(again, "the vocabulary is damaged: %v", err)
	}
	m := &unigram{vocabulary: vocabulary{}, scores: map[string]float64{}, unk: -1}
	lowest := math.Inf(1)
	for id, entry := range pieces {
		var piece string
		var score float64
		if json.Unmarshal(entry[0], &piece) != nil || json.Unmarshal(entry[1], &score) != nil {
			return nil, fail(again, "piece %d of the vocabulary is no text with a score", id)
		}
		lowest = min(lowest, score)
		m.vocabulary[piece], m.scores[piece] = int64(id), score
		m.longest = max(m.longest, len(piece))
	}
	if len(pieces) == 0 {
		return nil, fail(again, "the vocabulary is empty")
	}
	if f.UnknownID != nil {
		if *f.UnknownID < 0 || *f.UnknownID >= len(pieces) {
			return nil, fail(again, "unk_id %d is not in the vocabulary of %d", *f.UnknownID, len(pieces))
		}
		m.unk = int64(*f.UnknownID)
	}
	m.unkScore = lowest - unkPenalty
	if f.Bytes {
		m.bytes, m.hasBytes = m.byteIDs()
	}
	return m, nil
}

// step is the best way to a place in the word.
type step struct {
	score   float64
	from    int
	reached bool
	unknown bool
}

func (m *unigram) encode(ids []int64, word string) []int64 {
	steps := make([]step, len(word)+1)
	steps[0].reached = true
	for at := 0; at < len(word); {
		_, n := utf8.DecodeRuneInString(word[at:])
		single := false
		for end := at + n; end <= min(len(word), at+m.longest); {
			if score, ok := m.scores[word[at:end]]; ok {
				steps[end].offer(steps[at].score+score, at, false)
				single = single || end == at+n
			}
			if end == len(word) {
				break
			}
			_, more := utf8.DecodeRuneInString(word[end:])
			end += more
		}
		if !single {
			steps[at+n].offer(steps[at].score+m.unkScore, at, true)
		}
		at += n
	}
	return m.trace(ids, word, steps)
}

// offer takes a way that is better than the best so far.
func (s *step) offer(score float64, from int, unknown bool) {
	if !s.reached || score > s.score {
		*s = step{score, from, true, unknown}
	}
}

// trace follows the best way back; unknown characters in a row are one piece.
func (m *unigram) trace(ids []int64, word string, steps []step) []int64 {
	var pieces []string
	unknown := false
	for end := len(word); end > 0; end = steps[end].from {
		s := steps[end]
		if s.unknown && unknown {
			pieces[len(pieces)-1] = word[s.from:end] + pieces[len(pieces)-1]
		} else {
			pieces = append(pieces, word[s.from:end])
		}
		unknown = s.unknown
	}
	for i := len(pieces) - 1; i >= 0; i-- {
		if id, ok := m.vocabulary[pieces[i]]; ok {
			ids = append(ids, id)
		} else if m.hasBytes {
			for j := range len(pieces[i]) {
				ids = append(ids, m.bytes[pieces[i][j]])
			}
		} else if m.unk >= 0 {
			ids = append(ids, m.unk)
		}
	}
	return ids
}
