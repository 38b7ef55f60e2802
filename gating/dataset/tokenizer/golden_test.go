package tokenizer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/tokenizer"
)

const folder = "../../../fixtures/tokenizers"

// golden are ids by Hugging Face's own library, see tokenizers.mjs.
type golden struct {
	Texts []string
	Pairs [][2]string
	IDs   map[string]struct {
		Texts [][]int64
		Pairs [][2][]int64
	}
}

func readGolden(t testing.TB) (g golden) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "golden.json"))
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Tokenizers of all forms make the ids that Hugging Face's library makes, whatever the language.
func TestGolden(t *testing.T) {
	g := readGolden(t)
	for name, want := range g.IDs {
		t.Run(name, func(t *testing.T) {
			tok, err := tokenizer.Load(filepath.Join(folder, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range g.Texts {
				e, err := tok.Encode(0, text)
				if err != nil || !slices.Equal(e.IDs, want.Texts[i]) {
					t.Errorf("%q:\ngot  %v, %v\nwant %v", text, e.IDs, err, want.Texts[i])
				}
			}
			for i, pair := range g.Pairs {
				if name == "gpt2" || name == "words" {
					break // without a template the JavaScript library leaves the second text out
				}
				e, err := tok.Encode(0, pair[0], pair[1])
				types := slices.Equal(e.TypeIDs, want.Pairs[i][1])
				if name == "roberta" || name == "clip" { // RobertaProcessing has no types, but the JavaScript library
					types = !slices.Contains(e.TypeIDs, 1)
				}
				if err != nil || !slices.Equal(e.IDs, want.Pairs[i][0]) || !types {
					t.Errorf("%q:\ngot  %v %v, %v\nwant %v", pair, e.IDs, e.TypeIDs, err, want.Pairs[i])
				}
			}
		})
	}
}
