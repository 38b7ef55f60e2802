"""Writes differentiable.tsv: which inputs of ONNX's operators the standard marks differentiable (python3-onnx)."""
import onnx
from onnx import defs

MARK = {"DifferentiationCategory.Differentiable": "yes", "DifferentiationCategory.NonDifferentiable": "no"}

with open("differentiable.tsv", "w") as out:
    out.write(f"# onnx {onnx.__version__}: operator, newest opset, then one mark for each input\n")
    for s in sorted(defs.get_all_schemas(), key=lambda s: (s.domain, s.name)):
        if s.domain == "":
            marks = [MARK.get(str(i.differentiationCategory), "unknown") for i in s.inputs]
            out.write("\t".join([s.name, str(s.since_version), *marks]) + "\n")
