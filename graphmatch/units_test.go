package graphmatch_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
)

// units are exports of testdata/make_units.py with the sizes of the sets of hidden units that may be
// reordered, in network order; sets of size one and of outputs are none.
var units = map[string]string{
	"bigru2":     "[5 4 4 4 4]",       // both directions of both layers
	"bilstm2":    "[5 4 4 4 4]",       //
	"bilstmlast": "[4 4 4 4]",         // last states taken out one by one
	"birnn2":     "[5 4 4 4 4]",       //
	"conformer":  "[6 6]",             // the gates' two halves move together
	"convnext":   "[6 12]",            //
	"cross":      "[8 8 8 8 8 12]",    // stream; queries with keys, and values, of two attentions; feed-forward
	"encoder":    "[8 8 8 12 8 8 12]", // the same for two layers of self-attention
	"glu":        "[6 5]",             //
	"gn13":       "[4 4 6 4]",         // channels stay in their group
	"gn17":       "[4 4 6 4]",         //
	"gpt2":       "[8 8 8 16]",        //
	"inception":  "[4 3 5 6]",         //
	"llama":      "[8 12]",            // heads that share keys and values stay
	"lstmlast":   "[4 4]",             //
	"mha_bf":     "[8 8 8]",           //
	"mixer":      "[6 7 9]",           // tokens are in fixed order
	"pixel":      "[6]",               //
	"resnext":    "[6 4 4 4 4]",       // two groups, before and behind
	"senet":      "[6 3 5]",           //
	"rotary":     "[8 8 8 8 12]",      // positions fix the units within heads of queries and keys
	"seq2seq":    "[4]",               // the decoder's units follow the encoder's
	"shufflenet": "[6 2 4 2 4 2 2 4 4 10]",
	"shufflev1":  "[2 2 2 2 2 2]",
	"swin":       "[8 8 8 12 8 8 12 10]",
	"timm":       "[8 8 8 12]",
	"timm_idx":   "[8 8 8 12]",
}

// Hidden units of all these networks are found, may be reordered, and are brought back by matching.
func TestUnits(t *testing.T) {
	files, err := filepath.Glob("testdata/units/*.onnx")
	if err != nil || len(files) != len(units) {
		t.Fatalf("%d files, want %d: %v", len(files), len(units), err)
	}
	for name, want := range units {
		t.Run(name, func(t *testing.T) {
			m := openFile(t, "testdata/units/"+name+".onnx")
			for seed := range uint64(4) {
				moved, sizes, err := graphtest.Scramble(m, seed)
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(sizes); got != want {
					t.Fatalf("sets of sizes %s, want %s", got, want)
				}
				graphtest.SameOutputs(t, m, moved)
			}
			undone(t, m)
		})
	}
}
