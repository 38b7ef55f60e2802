package tokenizer

import "encoding/json"

// slot is a place in what a network gets: a special token, or the first or second text.
type slot struct {
	ids    []int64 // of a special token
	text   int     // 0 or 1, where ids is nil
	typeID int64
}

// template says which special tokens stand around one text and around two.
type template struct{ single, pair []slot }

// plain has no special tokens.
var plain = template{single: []slot{{text: 0}}, pair: []slot{{text: 0}, {text: 1, typeID: 1}}}

// newTemplate reads a post-processor; a missing one adds nothing.
func newTemplate(raw json.RawMessage, depth int) (template, error) {
	if absent(raw) {
		return plain, nil
	}
	var c struct {
		component
		Processors    []json.RawMessage          `json:"processors"`
		Single        []piece                    `json:"single"`
		Pair          []piece                    `json:"pair"`
		SpecialTokens map[string]templateSpecial `json:"special_tokens"`
		Sep           tokenAndID                 `json:"sep"`
		Cls           tokenAndID                 `json:"cls"`
	}
	if err := unmarshal("post-processor", raw, &c); err != nil {
		return plain, err
	}
	cls, sep := slot{ids: []int64{c.Cls.id}}, slot{ids: []int64{c.Sep.id}}
	switch c.Type {
	case "ByteLevel":
		return plain, nil
	case "TemplateProcessing":
		single, err := slots(c.Single, c.SpecialTokens)
		if err != nil {
			return plain, err
		}
		pair, err := slots(c.Pair, c.SpecialTokens)
		return template{single, pair}, err
	case "BertProcessing":
		second := sep
		second.typeID = 1
		return template{[]slot{cls, {text: 0}, sep}, []slot{cls, {text: 0}, sep, {text: 1, typeID: 1}, second}}, nil
	case "RobertaProcessing":
		return template{[]slot{cls, {text: 0}, sep}, []slot{cls, {text: 0}, sep, sep, {text: 1}, sep}}, nil
	case "Sequence":
		return sequenceOfTemplates(c.Processors, depth)
	}
	return plain, unsupported("post-processor", c.Type)
}

// sequenceOfTemplates takes the only post-processor of a list that adds anything.
func sequenceOfTemplates(list []json.RawMessage, depth int) (template, error) {
	if depth == deepest {
		return plain, fail(again, "sequences are nested more than %d times", deepest)
	}
	out, found := plain, false
	for _, raw := range list {
		var c component
		if err := unmarshal("post-processor", raw, &c); err != nil {
			return plain, err
		}
		if c.Type == "ByteLevel" {
			continue
		}
		if found {
			return plain, unsupported("post-processor", "Sequence of several that add tokens")
		}
		found = true
		var err error
		if out, err = newTemplate(raw, depth+1); err != nil {
			return plain, err
		}
	}
	return out, nil
}

// piece is an element of a template.
type piece struct {
	SpecialToken *pieceOf `json:"SpecialToken"`
	Sequence     *pieceOf `json:"Sequence"`
}

type pieceOf struct {
	ID     string `json:"id"`
	TypeID int64  `json:"type_id"`
}

type templateSpecial struct {
	IDs []int64 `json:"ids"`
}

// tokenAndID is written ["[SEP]", 102].
type tokenAndID struct{ id int64 }

// UnmarshalJSON reads the pair.
func (t *tokenAndID) UnmarshalJSON(raw []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(raw, &pair); err != nil {
		return err
	}
	return json.Unmarshal(pair[1], &t.id)
}

func slots(pieces []piece, special map[string]templateSpecial) ([]slot, error) {
	var list []slot
	for _, p := range pieces {
		switch {
		case p.SpecialToken != nil:
			s, ok := special[p.SpecialToken.ID]
			if !ok || len(s.IDs) == 0 {
				return nil, fail(again, "the template names the token %q, which it does not define", p.SpecialToken.ID)
			}
			list = append(list, slot{ids: s.IDs, typeID: p.SpecialToken.TypeID})
		case p.Sequence != nil && (p.Sequence.ID == "A" || p.Sequence.ID == "B"):
			list = append(list, slot{text: int(p.Sequence.ID[0] - 'A'), typeID: p.Sequence.TypeID})
		default:
			return nil, fail(again, "the template has an element that is neither a token nor the text A or B")
		}
	}
	return list, nil
}

// special counts the special tokens.
func special(list []slot) int {
	n := 0
	for _, s := range list {
		n += len(s.ids)
	}
	return n
}
