# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs artifacts in this process, by the C API of libqrt (include/qrt/qrt.h).

    model = Model("build/lib/libqrt.so", "model.qar", threads=1)
    outputs = model({"x": x})
"""

import ctypes
from ctypes import (POINTER, Structure, byref, c_char_p, c_int, c_int64, c_size_t,
                    c_uint32, c_uint64, c_void_p)

import numpy as np

MAX_RANK = 16
TYPES = {1: np.float32, 2: np.float16, 4: np.float64, 5: np.int8, 6: np.uint8,
         7: np.int16, 8: np.uint16, 9: np.int32, 10: np.uint32, 11: np.int64,
         12: np.uint64, 13: np.bool_}
NUMBERS = {np.dtype(dtype): number for number, dtype in TYPES.items()}


class Array(Structure):
    _fields_ = [("dtype", c_int), ("rank", c_uint32), ("shape", POINTER(c_int64)),
                ("data", c_void_p), ("bytes", c_size_t)]


class PortInfo(Structure):
    _fields_ = [("name", c_char_p), ("dtype", c_int), ("rank", c_uint32),
                ("shape", c_int64 * MAX_RANK), ("symbols", c_char_p * MAX_RANK),
                ("min", c_int64 * MAX_RANK), ("max", c_int64 * MAX_RANK)]


class Hooks(Structure):
    """qrt_allocator_t is three pointers; null: the default."""
    _fields_ = [("self", c_void_p), ("first", c_void_p), ("second", c_void_p)]


class Executor(Structure):
    _fields_ = [("self", c_void_p), ("concurrency", c_uint32),
                ("parallel", c_void_p)]


class ContextOptions(Structure):
    _fields_ = [("size", c_size_t), ("threads", c_uint32), ("allocator", Hooks),
                ("executor", Executor), ("iteration_limit", c_uint64)]


class Failed(Exception):
    """A call failed; the message is the library's."""


class Model:
    """An artifact with one context; called like the runners of `runners.py`."""

    def __init__(self, library, artifact, threads=0):
        self.library = ctypes.CDLL(str(library))
        self.library.qrt_status_message.restype = c_char_p
        self.model, self.context = c_void_p(), c_void_p()
        self._call("model_open_file", str(artifact).encode(), None,
                   byref(self.model))
        options = ContextOptions()
        self.library.qrt_context_options_init(byref(options))
        options.threads = threads
        self._call("context_create", self.model, byref(options),
                   byref(self.context))
        self.inputs, self.outputs = self._ports("input"), self._ports("output")

    def close(self):
        self.library.qrt_context_release(self.context)
        self.library.qrt_model_release(self.model)
        self.context, self.model = c_void_p(), c_void_p()

    def __call__(self, inputs):
        for name, value in inputs.items():
            self._set(self.inputs[name], np.ascontiguousarray(value))
        self._call("context_run", self.context)
        return {name: self._output(index) for name, index in self.outputs.items()}

    def _set(self, index, value):
        shape = (c_int64 * value.ndim)(*value.shape)
        array = Array(NUMBERS[value.dtype], value.ndim, shape,
                      value.ctypes.data, value.nbytes)
        self._call("context_set_input", self.context, c_uint32(index), byref(array))

    def _output(self, index):
        """A copy: the next run overwrites the library's own."""
        array = Array()
        self._call("context_output", self.context, c_uint32(index), byref(array))
        shape = array.shape[:array.rank]
        if not array.bytes:
            return np.zeros(shape, TYPES[array.dtype])
        data = ctypes.string_at(array.data, array.bytes)
        return np.frombuffer(data, TYPES[array.dtype]).reshape(shape)

    def _ports(self, kind):
        """{name: index}; the call refuses the index behind the last."""
        query = getattr(self.library, f"qrt_model_{kind}")
        query.restype = c_void_p
        ports, info = {}, PortInfo()
        while not (status := query(self.model, c_uint32(len(ports)), byref(info))):
            ports[info.name.decode()] = len(ports)
        self.library.qrt_status_free(c_void_p(status))
        return ports

    def _call(self, name, *arguments):
        function = getattr(self.library, f"qrt_{name}")
        function.restype = c_void_p
        if status := function(*arguments):
            status = c_void_p(status)
            message = self.library.qrt_status_message(status).decode()
            self.library.qrt_status_free(status)
            raise Failed(message)
