package terminal

import (
	"strings"
	"testing"
)

func TestReflow(t *testing.T) {
	text := `--data FILE is told apart by its name:

  .npz               arrays by key: the graph's input names, and label, labels, y or target (or
                     --label KEY).
  .npy               one array

Samples may differ in length along axes that are symbolic in the graph, as sentences do: give a
file for each length.`
	if got := Reflow(text, 100); got != text {
		t.Errorf("what fits became\n%s", got)
	}
	want := `--data FILE is told apart by its name:

  .npz
      arrays by key: the graph's input
      names, and label, labels, y or
      target (or --label KEY).
  .npy               one array

Samples may differ in length along axes
that are symbolic in the graph, as
sentences do: give a file for each
length.`
	if got := Reflow(text, 40); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, line := range strings.Split(Reflow(text, 60), "\n") {
		if len(line) > 60 {
			t.Errorf("%q is wider than 60", line)
		}
	}
	if words := strings.Join(strings.Fields(Reflow(text, 50)), " "); words != strings.Join(strings.Fields(text), " ") {
		t.Errorf("words are lost: %s", words)
	}
}
