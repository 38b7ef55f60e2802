package dataset

import (
	"fmt"
	"slices"
	"testing"
)

// fitCases are shapes of data and of graphs, and what a sample then is.
var fitCases = []struct {
	data, graph, want []int // want is nil where the array must be refused
	says              string
}{
	{[]int{9, 3}, []int{-1, 3}, []int{3}, ""},
	{[]int{9, 3}, []int{1, 3}, []int{3}, ""}, // a fixed batch axis does not restrict the data
	{[]int{9, 3}, []int{-1, -1}, []int{3}, ""},
	{[]int{9, 3}, nil, []int{3}, ""},
	{[]int{9}, nil, []int{}, ""},
	{[]int{9}, []int{-1}, []int{}, ""},
	{[]int{9}, []int{-1, 1}, []int{1}, ""},
	{[]int{9, 1}, []int{-1}, []int{}, ""},
	{[]int{9, 8, 8}, []int{-1, 1, 8, 8}, []int{1, 8, 8}, ""},
	{[]int{9, 8, 8}, []int{-1, 8, 8, 1}, []int{8, 8, 1}, ""},
	{[]int{9, 8, 8, 1}, []int{-1, 1, 8, 8}, []int{1, 8, 8}, ""},
	{[]int{9, 1, 8, 8}, []int{-1, 8, 8}, []int{8, 8}, ""},
	{[]int{9, 8, 8}, []int{-1, 1, -1, -1}, []int{1, 8, 8}, ""},
	{[]int{9, 64}, []int{-1, 1, 8, 8}, []int{1, 8, 8}, ""},
	{[]int{9, 64}, []int{-1, 8, 8}, []int{8, 8}, ""},
	{[]int{9, 8, 8}, []int{-1, 64}, []int{64}, ""},
	{[]int{9, 3, 8, 8}, []int{-1, 3, -1, -1}, []int{3, 8, 8}, ""},

	{[]int{9, 4}, []int{-1, 3}, nil, "shape [9 4] does not fit the graph's [N 3]"},
	{[]int{9, 8, 8, 3}, []int{-1, 3, 8, 8}, nil, "numpy.transpose(x, (0, 3, 1, 2))"},
	{[]int{9, 3, 8, 8}, []int{-1, 8, 8, 3}, nil, "numpy.transpose(x, (0, 2, 3, 1))"},
	{[]int{9, 192}, []int{-1, 3, 8, 8}, nil, "order is not known"},
	{[]int{9, 3, 8, 8}, []int{-1, 192}, nil, "order is not known"},
	{[]int{9, 6, 4}, []int{-1, 8, 3}, nil, "order is not known"},
	{[]int{9, 8, 8}, []int{-1, -1, -1, -1}, nil, "[N ? ? ?]"},
	{[]int{9, 64}, []int{-1, 8, -1}, nil, "[N 8 ?]"},
	{[]int{3}, []int{-1, 3}, nil, "add a batch axis"},
	{[]int{8, 8}, []int{-1, 1, 8, 8}, nil, "add a batch axis"},
	{[]int{}, []int{-1, 3}, nil, "the array is a scalar"},
	{[]int{9}, []int{}, nil, "graph's input is a scalar"},
	{[]int{0, 3}, []int{-1, 3}, nil, "empty"},
	{[]int{9, 0}, []int{-1, -1}, nil, "empty"},
}

func TestFit(t *testing.T) {
	for _, c := range fitCases {
		t.Run(fmt.Sprint(c.data, c.graph), func(t *testing.T) {
			got, err := fit(Field{Shape: c.graph}, c.data)
			if c.want == nil {
				wantRefusal(t, err, c.says)
				return
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}
