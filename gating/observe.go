package gating

import (
	"context"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// observer shows values inside a network while it runs over data.
type observer struct {
	forward *forward
	runner  *network.Runner
}

// newObserver prepares to show the named values of a model over the samples that have
// the first one's shape, batch of them at a time. show gets a value's position among the
// names; it may change the elements for the nodes that run later. The objective's output
// tells whether a graph exported for a fixed batch size takes more at once.
func (e *Evaluator) newObserver(m *onnx.Model, names []string, batch int,
	show func(i int, t *network.Tensor)) (*observer, error) {
	f, err := e.over(e.data.Parts()[0]).forward(m, nil, batch)
	if err != nil {
		return nil, err
	}
	f.config.Outputs = names
	g, err := f.lower(run{0, f.sizes[0]})
	if err != nil {
		return nil, err
	}
	r, err := network.NewObserver(g, e.workers, show)
	if err != nil {
		return nil, err
	}
	return &observer{f, r}, nil
}

// inOneRun says whether all samples go through the network together, and nothing else with them.
func (o *observer) inOneRun() bool { return o.forward.sizes[0] == o.forward.data.Len() }

// run shows the values, once a batch. A short last batch is left out.
func (o *observer) run(ctx context.Context) error {
	size := o.forward.sizes[0]
	for rows := range o.forward.data.InOrder(size) {
		if len(rows) < size {
			break
		}
		if err := o.batch(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

func (o *observer) batch(ctx context.Context, rows []int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := o.runner.Run(o.forward.gather(0, rows), nil)
	return err
}
