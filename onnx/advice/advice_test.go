package advice_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx/advice"
)

var errKind = errors.New("a kind")

func Example() {
	errData := errors.New("bad data") // the kind, exported by the package whose errors these are
	err := advice.Errorf(errData, "drop the row", "line %d: %q is no number", 3, "x")
	err = fmt.Errorf("train.csv: %w", err)
	fmt.Println(err)
	fmt.Println(advice.Hint(err))
	fmt.Println(errors.Is(err, errData))
	// Output:
	// train.csv: line 3: "x" is no number
	// drop the row
	// true
}

func ExampleNearest() {
	layers := []string{"conv1", "conv2", "layer1.conv", "fc"}
	fmt.Println(advice.Nearest("Convl", layers, 2, 3))
	// Output: [conv1 conv2]
}

func TestErrorfKeepsKindAndCause(t *testing.T) {
	err := advice.Errorf(errKind, "hint", "file %s: %w", "a.onnx", fs.ErrNotExist)
	if !errors.Is(err, errKind) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is of neither kind", err)
	}
	if got, want := err.Error(), "file a.onnx: file does not exist"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if plain := advice.Errorf(nil, "", "wrong"); errors.Is(plain, errKind) || advice.Hint(plain) != "" {
		t.Errorf("%v has a kind or a hint", plain)
	}
}

func TestWithReplacesTheHint(t *testing.T) {
	inner := advice.Errorf(errKind, "inner hint", "message")
	err := advice.With(fmt.Errorf("outer: %w", inner), "outer hint")
	if err.Error() != "outer: message" || advice.Hint(err) != "outer hint" || !errors.Is(err, errKind) {
		t.Errorf("got %q with hint %q", err, advice.Hint(err))
	}
}

// Any error with a method Hint has a hint, as deep as it may be; the outermost counts, even an empty one.
func TestHintOfOthers(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{fs.ErrClosed, ""},
		{hinter("own"), "own"},
		{errors.Join(fs.ErrClosed, fmt.Errorf("at: %w", hinter("joined"))), "joined"},
		{advice.Errorf(errKind, "", "outer: %w", hinter("inner")), ""},
	} {
		if got := advice.Hint(test.err); got != test.want {
			t.Errorf("hint of %v: %q, want %q", test.err, got, test.want)
		}
	}
}

type hinter string

func (h hinter) Error() string { return "an error" }
func (h hinter) Hint() string  { return string(h) }

func TestNearest(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, test := range []struct {
		name         string
		candidates   []string
		within, most int
		want         []string
	}{
		{"label", []string{"lable", "labels", "y", "Label"}, 2, 3, []string{"Label", "labels", "lable"}},
		{"label", []string{"lable", "labels", "y", "Label"}, 2, 1, []string{"Label"}},
		{"ab", []string{"cb", "", "bb", "cb"}, 2, 3, []string{"bb", "cb"}}, // ties by name, repeats once, none empty
		{"größe", []string{"grosse", "größer"}, 1, 3, []string{"größer"}},  // letters count, not bytes
		{"kitten", []string{"sitting"}, 3, 3, []string{"sitting"}},         // three edits
		{"kitten", []string{"sitting"}, 2, 3, []string{}},
		{long, []string{long + "y"}, 0, 3, []string{long + "y"}}, // only the beginnings are compared
		{"a", nil, 9, 3, []string{}},
	} {
		if got := advice.Nearest(test.name, test.candidates, test.within, test.most); !slices.Equal(got, test.want) {
			t.Errorf("%.20q: got %.60q, want %.60q", test.name, got, test.want)
		}
	}
}

// A word after k edits is within distance k of what it was: the definition of the distance.
func TestNearestFindsEditedWords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abcö./_")
	letter := func() rune { return letters[random.IntN(len(letters))] }
	for range 500 {
		word := make([]rune, 1+random.IntN(12))
		for i := range word {
			word[i] = letter()
		}
		edited := slices.Clone(word)
		edits := random.IntN(4)
		for range edits {
			at := random.IntN(len(edited) + 1)
			switch kind := random.IntN(3); {
			case kind == 0 || len(edited) == 0 || at == len(edited):
				edited = slices.Insert(edited, at, letter())
			case kind == 1:
				edited = slices.Delete(edited, at, at+1)
			default:
				edited[at] = letter()
			}
		}
		if got := advice.Nearest(string(word), []string{string(edited)}, edits, 1); len(got) == 0 && len(edited) > 0 {
			t.Fatalf("%q is not found within %d edits of %q", string(edited), edits, string(word))
		}
	}
}
