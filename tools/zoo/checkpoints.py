# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads weights as numpy arrays: torch's two .pth layouts, and safetensors.

The first layout is a row of pickles (magic, protocol, system, the object,
storage keys) followed by the storages, each an int64 count and its
little-endian elements. The second is a zip of one pickle and a file a storage.
Their unpickler builds tensors and ordered dicts and refuses everything else, so
a file can not run code.
"""

import collections
import io
import json
import pickle
import zipfile

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8"}
SAFETENSORS_TYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}


class _Tensor:
    """A view into a storage that is read only after the pickle."""

    def __init__(self, storage, offset, shape, strides, *unused):
        self.storage, self.offset = storage, offset
        self.shape, self.strides = shape, strides

    def array(self, storages):
        flat = storages[self.storage][self.offset:]
        strides = [step * flat.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(flat, self.shape, strides).copy()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.types = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(
            f"expected tensors only, found {module}.{name}")

    def persistent_load(self, reference):
        # The first layout appends a view.
        kind, dtype, key = reference[:3]
        if kind != "storage":
            raise pickle.UnpicklingError(f"expected a storage, found {kind}")
        self.types[key] = dtype
        return key


def read_pth(data, key=None):
    """{name: array} of a state dict, or of the one a dict holds under `key`."""
    read = _read_zip if data[:2] == b"PK" else _read_pickles
    tensors, storages = read(data)
    if key:
        tensors = tensors[key]
    return {name: tensor.array(storages) for name, tensor in tensors.items()}


def _read_pickles(data):
    file = io.BytesIO(data)
    magic, _protocol, _system = (_Unpickler(file).load() for _ in range(3))
    if magic != MAGIC:
        raise ValueError("expected a .pth of torch's first layout")
    unpickler = _Unpickler(file)
    tensors = unpickler.load()
    storages = {}
    for key in _Unpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        dtype = np.dtype(unpickler.types[key])
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return tensors, storages


def _read_zip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        # All lie in one folder, which is named after the file once saved.
        root = archive.namelist()[0].partition("/")[0]
        unpickler = _Unpickler(io.BytesIO(archive.read(f"{root}/data.pkl")))
        tensors = unpickler.load()
        return tensors, {key: np.frombuffer(archive.read(f"{root}/data/{key}"), dtype)
                         for key, dtype in unpickler.types.items()}


def read_safetensors(data):
    """{name: array}: a length, a JSON header of that length, then the data."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data[start + begin:start + end],
                              SAFETENSORS_TYPES[entry["dtype"]])
        arrays[name] = array.reshape(entry["shape"])
    return arrays
