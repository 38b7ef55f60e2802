"""Writes differentiable.tsv: which inputs and outputs of ONNX's operators the standard marks differentiable (python3-onnx)."""
import onnx
import onnx.defs

MARKS = {"Differentiable": "yes", "NonDifferentiable": "no", "Unknown": "unknown"}

with open("differentiable.tsv", "w") as out:
    print(f"# onnx {onnx.__version__}: operator, newest opset, one mark for each input, |, one for each output", file=out)
    for schema in sorted(onnx.defs.get_all_schemas(), key=lambda s: s.name):
        if schema.domain:
            continue
        inputs = [MARKS[i.differentiationCategory.name] for i in schema.inputs]
        outputs = [MARKS[o.differentiationCategory.name] for o in schema.outputs]
        print("\t".join([schema.name, str(schema.since_version), *inputs, "|", *outputs]), file=out)
