package objective

import (
	"math"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
)

// classOrder says what the scores of a detector count, where annotations name classes by ids that leave some out.
type classOrder int

const (
	noGaps  classOrder = iota // ids leave none out: both are the same
	inOrder                   // the classes that there are, in the order of their ids
	byID                      // the ids: there is a score for each that is left out, too
)

// words add the order to what is said of a layout.
func (o classOrder) words() string {
	return [...]string{"", ", classes in the order of their ids", ", classes by their ids"}[o]
}

// of is the data with labels that count classes in the order.
func (o classOrder) of(d *dataset.Data) *dataset.Data {
	if o == byID {
		return d.ByCategoryID()
	}
	return d
}

// detectors are the ways to read a model's outputs beside labels, one for each order of classes that the data leaves
// open and the outputs' shapes allow.
func detectors(n Network, d *dataset.Data, o Options, seen frame) (list []*detector) {
	orders := []classOrder{noGaps}
	if d.HasGaps() {
		orders = []classOrder{inOrder, byID}
	}
	first := map[string][]*network.Tensor{}
	for _, order := range orders {
		f := &detector{network: n, data: order.of(d), pixels: frameOf(d), frame: seen, first: first, order: order}
		f.labels, _ = readBoxes(f.data)
		f.label = seen.seen(f.data.Head(pictures).Parts()[0].Label)
		if f.ways = f.arrangements(o.Output); len(f.ways) > 0 {
			list = append(list, f)
		}
	}
	return list
}

// bestReader is the arrangement and the order of classes of least loss, and how the model does with them.
func bestReader(list []*detector) (best arrangement, how read, order classOrder, err error) {
	how.loss = math.Inf(1)
	for i, f := range list {
		a, r, err := f.best()
		if err != nil {
			return best, how, order, err
		}
		if i == 0 || r.loss < how.loss {
			best, how, order = a, r, f.order
		}
	}
	return best, how, order, nil
}
