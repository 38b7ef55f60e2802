package main

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/gating/kernel"
)

// update writes fixtures/golden/merges.json anew from what TestMergesOfAllFamilies sees:
//
//	SOFTMERGE_KERNEL=avx2 go test ./cmd/softmerge -run TestMergesOfAllFamilies -update
var update = flag.Bool("update", false, "write the golden sums of merges anew")

// mergeSums is the sha256 of what a default merge of a family writes.
type mergeSums struct {
	Model  string `json:"model"`
	Recipe string `json:"recipe"`
}

// goldenMerges is mergeSums by the kernels' instructions, which round differently, and by family.
type goldenMerges map[string]map[string]mergeSums

func goldenMergesPath() string { return filepath.Join(fixtures(), "golden", "merges.json") }

func readGoldenMerges(t *testing.T) goldenMerges {
	t.Helper()
	data, err := os.ReadFile(goldenMergesPath())
	if err != nil {
		t.Fatal(err)
	}
	var g goldenMerges
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// checkUnchanged compares what was written with what an earlier version wrote. Where a
// change is meant, -update records it, and the commit says why.
func checkUnchanged(t *testing.T, family, model, recipe string) {
	t.Helper()
	got := mergeSums{sumOf(t, model), sumOf(t, recipe)}
	golden, set := readGoldenMerges(t), kernel.Instructions()
	if *update {
		if golden[set] == nil {
			golden[set] = map[string]mergeSums{}
		}
		golden[set][family] = got
		data, err := json.MarshalIndent(golden, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldenMergesPath(), append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, known := golden[set][family]
	if !known {
		t.Logf("no golden sums of %s for %s: not compared", family, set)
		return
	}
	if got != want {
		t.Errorf("%s writes other bytes than before (%s): model %v, recipe %v", family, set, got.Model == want.Model,
			got.Recipe == want.Recipe)
	}
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
