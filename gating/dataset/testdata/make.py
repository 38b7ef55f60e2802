"""Writes the files of the tests, so that readers are tested against NumPy and onnx and not against our idea of them.

Run from this folder: python3 make.py
"""
import os
import zipfile

import numpy as np
import onnx.numpy_helper

kinds = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


def grid(kind):
    """0..5 as 2 rows of 3; signed and float kinds start at -1."""
    return (np.arange(6) - (0 if kind[0] == "u" else 1)).reshape(2, 3)


numbers = {order + kind: grid(kind).astype(order + kind) for kind in kinds for order in "<>"}
numbers["bool"] = np.array([[True, False, True], [False, True, True]])
numbers["fortran"] = np.asfortranarray(np.arange(24, dtype="f4").reshape(2, 3, 4))
numbers["fortran_big"] = np.asfortranarray(np.arange(24, dtype=">i2").reshape(2, 3, 4))
numbers["scalar"] = np.float32(7)
numbers["empty"] = np.zeros((0, 3), "f4")
np.savez(open("stored.npz", "wb"), **numbers)
np.savez_compressed(open("compressed.npz", "wb"), **numbers)

refused = {
    "object": np.array([[1, 2], [3]], dtype=object),
    "text": np.array(["a", "b"]),
    "bytes": np.array([b"a", b"b"]),
    "complex": np.array([1j, 2j]),
    "dates": np.array(["2020-01-01"], dtype="M8[D]"),
    "records": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
    "long": np.array([1, 2], dtype="g"),
}
np.savez_compressed(open("refused.npz", "wb"), **refused)

with zipfile.ZipFile("versions.npz", "w") as z:
    for major in 1, 2, 3:
        with z.open(f"v{major}.npy", "w") as f:
            np.lib.format.write_array(f, np.arange(6, dtype="f4").reshape(2, 3), version=(major, 0))

# ONNX test data: two sets of 2 and 1 samples with two inputs; the label is output_0.
for n, samples in enumerate((2, 1)):
    folder = f"sets/test_data_set_{n}"
    os.makedirs(folder, exist_ok=True)
    tensors = {
        "input_0": ("image", (np.arange(samples * 4, dtype="f4") + 10 * n).reshape(samples, 2, 2)),
        "input_1": ("ids", np.arange(samples, dtype="i8") + 5 * n),
        "output_0": ("scores", np.arange(samples * 3, dtype="f4").reshape(samples, 3) - n),
        "output_1": ("best", np.full(samples, 1 + n, dtype="i4")),
    }
    for file, (name, values) in tensors.items():
        with open(f"{folder}/{file}.pb", "wb") as f:
            f.write(onnx.numpy_helper.from_array(values, name).SerializeToString())
