package dataset

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/gating/dataset/tokenizer"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

const (
	// NextToken is the label that asks for a language model's task: at every position the token that follows.
	NextToken = "next"
	// Ignored is the label of positions that do not count: padding, and the last token, which nothing follows.
	Ignored = -100
	// bucket is what lengths are rounded up to where a mask tells padding from text: fewer shapes, fewer networks.
	bucket = 8
)

// textPairs are keys of two texts that belong together, in the data sets of GLUE and their like.
var textPairs = [][2]string{{"sentence1", "sentence2"}, {"premise", "hypothesis"}, {"question1", "question2"},
	{"question", "sentence"}, {"question", "context"}, {"text1", "text2"}, {"query", "passage"}}

// tokenInput is what an input of a graph wants of a text.
type tokenInput int

const (
	tokenIDs tokenInput = iota
	tokenMask
	tokenTypes
	tokenPositions
)

// tokenInputs tell by the name of an input what it wants.
var tokenInputs = []struct {
	name *regexp.Regexp
	kind tokenInput
}{
	{regexp.MustCompile(`(?i)mask`), tokenMask},
	{regexp.MustCompile(`(?i)type|segment`), tokenTypes},
	{regexp.MustCompile(`(?i)position`), tokenPositions},
	{regexp.MustCompile(`(?i)ids?$|token|input`), tokenIDs},
}

// texts makes arrays of the columns of text, where the graph takes tokens and the file has none.
type texts struct {
	*loader
	columns []record.Column // of text
	kinds   []tokenInput    // by input of the graph
	tok     *tokenizer.Tokenizer
	rows    []tokenizer.Encoding
	most    int // tokens a sample may have, 0 for as many as there are
	fixed   int // length of the graph's axis, -1 if it is symbolic
	width   int // that samples are padded to
	lengths []int64
	notes   []string
}

// textArrays returns an array for every input of a graph that takes tokens, nil if it takes none or they are columns.
func (l *loader) textArrays(columns []record.Column) ([]named, []string, error) {
	t := texts{loader: l, fixed: -1, columns: l.sentences(columns)}
	if len(t.columns) == 0 || !t.wanted(columns) {
		return nil, nil, nil
	}
	if err := t.load(); err != nil {
		return nil, nil, err
	}
	if err := t.choose(); err != nil {
		return nil, nil, err
	}
	if err := t.encode(); err != nil {
		return nil, nil, err
	}
	t.settleWidth()
	return t.arrays(), t.notes, nil
}

// sentences are the columns of text that no name calls labels; all that were not asked for as labels, if all are called
// so.
func (l *loader) sentences(columns []record.Column) (list []record.Column) {
	var called []record.Column
	for _, c := range columns {
		switch {
		case c.Kind() != record.Text || c.Name() == l.Label || slices.Contains(l.More, c.Name()):
		case l.isLabel(c.Name()):
			called = append(called, c)
		default:
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return called
	}
	return list
}

// takesText says whether the graph takes tokens, and there is text to make them of.
func (l *loader) takesText(columns []record.Column) bool {
	t := texts{loader: l, fixed: -1}
	return len(l.sentences(columns)) > 0 && t.wanted(columns)
}

// wanted says whether the graph's inputs are all made of text, and notes what each wants.
func (t *texts) wanted(columns []record.Column) bool {
	for _, f := range t.Inputs {
		have := slices.ContainsFunc(columns, func(c record.Column) bool { return c.Name() == f.Name })
		if have || len(f.Shape) != 2 || f.Type.IsFloat() && len(t.Inputs) == 1 {
			return false
		}
		at := slices.IndexFunc(tokenInputs, func(k struct {
			name *regexp.Regexp
			kind tokenInput
		}) bool {
			return k.name.MatchString(f.Name)
		})
		if at < 0 && len(t.Inputs) > 1 {
			return false
		}
		kind := tokenIDs
		if at >= 0 {
			kind = tokenInputs[at].kind
		}
		t.kinds = append(t.kinds, kind)
		if f.Shape[1] > 0 {
			t.fixed = f.Shape[1]
		}
	}
	return slices.Contains(t.kinds, tokenIDs)
}

// load reads the tokenizer that is named, else the one beside the data or the model.
func (t *texts) load() error {
	path := t.Tokenizer
	for _, near := range []string{t.folder, t.ModelFolder} {
		if candidate := filepath.Join(near, "tokenizer.json"); path == "" && near != "" && exists(candidate) {
			path = candidate
			t.notes = append(t.notes, "text goes through "+path)
		}
	}
	if path == "" {
		return fail("give --tokenizer tokenizer.json, or put it beside the model or the data",
			"the file holds text (%s) and the graph wants tokens, but there is no tokenizer",
			quoted(columnNames(t.columns)))
	}
	var err error
	if t.tok, err = tokenizer.Load(path); err != nil {
		return fail(advice.Hint(err), "%s: %w", path, err)
	}
	t.most = t.tok.MaxLength
	if t.MaxLength > 0 {
		t.most = t.MaxLength
	}
	if t.fixed > 0 && (t.most == 0 || t.most > t.fixed) {
		t.most = t.fixed
	}
	return nil
}

func columnNames(columns []record.Column) (list []string) {
	for _, c := range columns {
		list = append(list, c.Name())
	}
	return list
}

// choose keeps the columns that are the text: those named, the only one, the one called text, or a known pair.
func (t *texts) choose() error {
	byName := map[string]record.Column{}
	for _, c := range t.columns {
		byName[c.Name()] = c
	}
	pick := func(keys ...string) bool {
		var list []record.Column
		for _, key := range keys {
			if byName[key] != nil {
				list = append(list, byName[key])
			}
		}
		if len(list) != len(keys) {
			return false
		}
		t.columns = list
		return true
	}
	if len(t.Text) > 0 {
		if len(t.Text) > 2 || !pick(t.Text...) {
			return fail("name one of these, or two with a comma", "the text is to be %s; the file has the texts %s",
				quoted(t.Text), quoted(columnNames(t.columns)))
		}
		return nil
	}
	if len(t.columns) == 1 || pick("text") {
		return nil
	}
	for _, pair := range textPairs {
		if pick(pair[0], pair[1]) {
			t.notes = append(t.notes, fmt.Sprintf("texts %q and %q are taken as pairs", pair[0], pair[1]))
			return nil
		}
	}
	return fail("name it: --text KEY, or --text KEY1,KEY2 for pairs", "several columns hold text: %s",
		quoted(columnNames(t.columns)))
}

// encode makes tokens of every row.
func (t *texts) encode() error {
	var pair [][]byte
	if len(t.columns) == 2 {
		if err := t.columns[1].Each(func(v record.Value) error {
			pair = append(pair, slices.Clone(v.Bytes))
			return t.take(len(v.Bytes))
		}); err != nil {
			return recordError(err)
		}
	}
	shortened := 0
	err := t.columns[0].Each(func(v record.Value) error {
		row := []string{string(v.Bytes)}
		if pair != nil {
			if len(t.rows) >= len(pair) {
				return fail("write the file again", "there are more texts %q than %q", t.columns[0].Name(),
					t.columns[1].Name())
			}
			row = append(row, string(pair[len(t.rows)]))
		}
		e, err := t.tok.Encode(t.most, row...)
		if err != nil {
			return fail(advice.Hint(err), "%s: %w", placeOf(t.columns[0], len(t.rows)), err)
		}
		if _, cell := t.columns[0].(textColumn); len(e.IDs) == 0 || cell && len(v.Bytes) == 0 {
			return fail("drop rows without text", "%s: the text is empty", placeOf(t.columns[0], len(t.rows)))
		}
		if e.Cut {
			shortened++
		}
		t.rows = append(t.rows, e)
		return t.take(16 * len(e.IDs))
	})
	if err == nil && shortened > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%d of %d texts are cut to %d tokens", shortened, len(t.rows), t.most))
	}
	return recordError(err)
}

// settleWidth decides how long samples are: as the graph's axis, else as the longest, each cut to its own length.
func (t *texts) settleWidth() {
	t.width = max(t.fixed, 0)
	masked := slices.Contains(t.kinds, tokenMask)
	for _, e := range t.rows {
		n := len(e.IDs)
		if masked {
			n = (n + bucket - 1) / bucket * bucket
			if t.most > 0 {
				n = max(len(e.IDs), min(n, t.most))
			}
		}
		t.lengths = append(t.lengths, int64(n))
		if t.fixed < 0 {
			t.width = max(t.width, n)
		}
	}
	if t.fixed >= 0 {
		t.lengths = nil
		if !masked && slices.ContainsFunc(t.rows, func(e tokenizer.Encoding) bool { return len(e.IDs) < t.fixed }) {
			t.notes = append(t.notes, fmt.Sprintf("texts are padded with token %d to the graph's %d, which has no mask",
				t.tok.Pad.ID, t.fixed))
		}
	}
}

func (t *texts) arrays() (list []named) {
	for i, f := range t.Inputs {
		list = append(list, named{f.Name, &tokenArray{texts: t, kind: t.kinds[i]}})
	}
	if t.Label == NextToken || slices.Contains(t.More, NextToken) {
		list = append(list, named{NextToken, &tokenArray{texts: t, next: true}})
	}
	return list
}

// tokenArray is what one input of the graph gets, or the label that is the next token.
type tokenArray struct {
	*texts
	kind tokenInput
	next bool
}

func (a *tokenArray) rowLengths() []int64 {
	if len(slices.Compact(slices.Clone(a.lengths))) <= 1 {
		return nil
	}
	return a.lengths
}

func (a *tokenArray) header() (onnx.DataType, []int, error) {
	if _, err := countElements([]int{len(a.rows), a.width}); err != nil {
		return 0, nil, err
	}
	return onnx.Int64, []int{len(a.rows), a.width}, nil
}

func (a *tokenArray) floats(b *spill.Store) ([]float32, error) {
	ints, err := a.ints(b)
	if err != nil {
		return nil, err
	}
	defer spill.Free(b, ints)
	return floatsOf(ints, b)
}

func (a *tokenArray) ints(b *spill.Store) ([]int64, error) {
	out, err := spill.Array[int64](b, len(a.rows)*a.width)
	if err != nil {
		return nil, storeError(err)
	}
	for i, e := range a.rows {
		width, begin := a.width, 0
		if a.lengths != nil {
			width = int(a.lengths[i])
		}
		if a.tok.Pad.Left {
			begin = width - len(e.IDs)
		}
		a.fill(out[i*a.width:][:width], e, begin)
	}
	return out, nil
}

// fill writes one sample, whose tokens begin at a place.
func (a *tokenArray) fill(dst []int64, e tokenizer.Encoding, begin int) {
	n := len(e.IDs)
	pad := map[tokenInput]int64{tokenIDs: a.tok.Pad.ID, tokenTypes: a.tok.Pad.TypeID}[a.kind]
	if a.next {
		pad = Ignored
	}
	for i := range dst {
		switch at := i - begin; {
		case a.kind == tokenPositions:
			dst[i] = int64(max(0, at))
		case at < 0 || at >= n || a.next && at+1 == n:
			dst[i] = pad
		case a.next:
			dst[i] = e.IDs[at+1]
		case a.kind == tokenMask:
			dst[i] = 1
		case a.kind == tokenTypes:
			dst[i] = e.TypeIDs[at]
		default:
			dst[i] = e.IDs[at]
		}
	}
}

// ParseText divides the keys of --text.
func ParseText(keys string) []string {
	if keys == "" {
		return nil
	}
	return strings.Split(keys, ",")
}
