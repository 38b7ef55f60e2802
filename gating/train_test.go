package gating

import (
	"context"
	"errors"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
)

// TestTrainLearnsWhatIsNamed: the layer that is named fits the data better afterwards, and no other changes by a bit.
func TestTrainLearnsWhatIsNamed(t *testing.T) {
	m := gatetest.Open(t, "mlp/ft0.onnx")[0]
	d := gatetest.Data(t, "val.npz", Fields(m)).Head(200)
	o := gatetest.Must(FitObjective(m, d, ObjectiveOptions{}))(t)
	e := gatetest.Must(NewEvaluator(d, o, EvaluatorOptions{Threads: 1}))(t)
	defer e.Close()
	trained, l, err := Train(context.Background(), m, e, LearnOptions{MaxSteps: 60}, "5")
	if err != nil {
		t.Fatal(err)
	}
	before := gatetest.Must(e.Score(context.Background(), m))(t)
	after := gatetest.Must(e.Score(context.Background(), trained))(t)
	if l.Steps != 60 || !(after.Loss < 0.8*before.Loss) {
		t.Errorf("after %d steps the loss is %v, was %v", l.Steps, after.Loss, before.Loss)
	}
	changed := gatetest.Must(graphmatch.Diff(m, gatetest.Written(t, trained)))(t)
	for _, c := range changed.Tensors {
		if same := c.Status == graphmatch.TensorIdentical; same == (c.Layer == "5") {
			t.Errorf("a tensor of layer %s: unchanged is %v", c.Layer, same)
		}
	}
	if _, _, err := Train(context.Background(), m, e, LearnOptions{}, "nowhere"); !errors.Is(err, graphmatch.ErrPattern) {
		t.Errorf("a layer that is none: %v", err)
	}
}
