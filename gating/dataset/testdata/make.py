"""Writes the NumPy files of the tests, so that the reader is tested against NumPy itself and not against our idea of it.

Run with any NumPy from this folder: python3 make.py
"""
import zipfile
import numpy as np

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
