package terminal

import (
	"strings"
	"testing"
	"unicode"
)

// Nothing that is printed moves the cursor, but for the ends of lines and tabs that we print ourselves.
func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"conv1.weight", "é\x1b[2J", "a\tb\nc", "\x00\x7f\u0085\xff", "\u009b31m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		for _, r := range got {
			if unicode.IsControl(r) && r != '\n' && r != '\t' {
				t.Errorf("%q prints %q with %U", s, got, r)
			}
		}
		if strings.IndexFunc(s, unicode.IsControl) < 0 && got != strings.ToValidUTF8(s, "\uFFFD") &&
			!strings.ContainsRune(got, '\uFFFD') {
			t.Errorf("%q has no control character and prints %q", s, got)
		}
	})
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 2_000_000_000: "2.0 GB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	names := strings.Fields("a b c d e f g h i j k")
	if got := Short(names[:9]); got != "a, b, c, d, e, f, g, h, i" {
		t.Errorf("nine names: %s", got)
	}
	if got := Short(names); got != "a, b, c, d, e, f, g, h and 3 more" {
		t.Errorf("eleven names: %s", got)
	}
}

func TestOrList(t *testing.T) {
	for want, words := range map[string][]string{"": nil, "a": {"a"}, "a or b": {"a", "b"},
		"a, b or c": {"a", "b", "c"}} {
		if got := OrList(words); got != want {
			t.Errorf("%v is %q, want %q", words, got, want)
		}
	}
}

func TestCountedAndFigure(t *testing.T) {
	half := 0.5
	got := strings.Join([]string{Counted(0, "layer"), Counted(1, "layer"), Counted(2, "layer"), Figure(&half),
		Figure(nil)}, ", ")
	if want := "0 layers, 1 layer, 2 layers, 0.5000, -"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
