"""Windows of any shape and tensors of indices, against loops in NumPy: sizes that
are known and sizes that are not, naive and optimized.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import itertools
import tempfile
import unittest

import numpy
from onnx import helper, mapping, numpy_helper

import tools

RANDOM = numpy.random.RandomState(3)


def floats(*shape):
    return RANDOM.randn(*shape).astype(numpy.float32)


def span(kernel, dilation):
    return [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]


def transposed(x, filter, strides, dilations, pads, extra, groups):
    """ConvTranspose by its definition: every input adds its copy of the filter."""
    kernel, spatial = filter.shape[2:], x.shape[2:]
    outputs, each = filter.shape[1] * groups, x.shape[1] // groups
    whole = [(n - 1) * s + w + e for n, s, w, e in
             zip(spatial, strides, span(kernel, dilations), extra)]
    y = numpy.zeros((x.shape[0], outputs, *whole), numpy.float64)
    for at in numpy.ndindex(*spatial):
        for tap in numpy.ndindex(*kernel):
            to = tuple(a * s + t * d for a, s, t, d in zip(at, strides, tap, dilations))
            for g in range(groups):
                part = x[(slice(None), slice(g * each, (g + 1) * each), *at)]
                weights = filter[(slice(g * each, (g + 1) * each), slice(None), *tap)]
                channels = slice(g * filter.shape[1], (g + 1) * filter.shape[1])
                y[(slice(None), channels, *to)] += part @ weights
    n = len(spatial)
    cut = tuple(slice(pads[i], whole[i] - pads[i + n]) for i in range(n))
    return y[(slice(None), slice(None), *cut)]


def convolved(x, filter, strides, dilations, pads, groups):
    n, each = x.ndim - 2, filter.shape[1]
    x = numpy.pad(x, [(0, 0), (0, 0)] + [(pads[i], pads[i + n]) for i in range(n)])
    sizes = [(x.shape[i + 2] - w) // strides[i] + 1
             for i, w in enumerate(span(filter.shape[2:], dilations))]
    y = numpy.zeros((x.shape[0], filter.shape[0], *sizes), numpy.float64)
    for tap in numpy.ndindex(*filter.shape[2:]):
        at = tuple(slice(t * d, t * d + (o - 1) * s + 1, s)
                   for t, d, o, s in zip(tap, dilations, sizes, strides))
        seen = x[(slice(None), slice(None), *at)]
        for g in range(groups):
            outputs = filter.shape[0] // groups
            rows = slice(g * outputs, (g + 1) * outputs)
            y[:, rows] += numpy.einsum(
                "nc...,oc->no...", seen[:, g * each:(g + 1) * each],
                filter[(rows, slice(None), *tap)])
    return y


def scattered(data, indices, updates, axis, join):
    result = data.copy()
    for at in numpy.ndindex(*indices.shape):
        index = indices[at]
        index += data.shape[axis] if index < 0 else 0
        if 0 <= index < data.shape[axis]:
            to = (*at[:axis], index, *at[axis + 1:])
            result[to] = join(result[to], updates[at])
    return result


class WindowsAndIndices(unittest.TestCase):
    def check(self, op, inputs, expected, constants=(), opset=18, **attributes):
        """`op` of the arrays `inputs` gives the arrays `expected`; the inputs in
        `constants` are constants, the others have fixed, then open sizes."""
        names = [f"i{i}" for i in range(len(inputs))]
        outputs = [f"o{i}" for i in range(len(expected))]
        node = helper.make_node(op, names, outputs, **attributes)

        def element(array):
            return mapping.NP_TYPE_TO_TENSOR_TYPE[array.dtype]

        for level, is_open in itertools.product("02", (False, True)):
            def port(name, array, given):
                shape = [f"{name}_{i}" if is_open else n
                         for i, n in enumerate(array.shape)] if given else None
                return helper.make_tensor_value_info(name, element(array), shape)
            free = [i for i in range(len(inputs)) if i not in constants]
            graph = helper.make_graph(
                [node], "test", [port(names[i], inputs[i], True) for i in free],
                [port(n, a, False) for n, a in zip(outputs, expected)],
                [numpy_helper.from_array(inputs[i], names[i]) for i in constants])
            model = helper.make_model(
                graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
            with self.subTest(op=op, level=level, open=is_open, **attributes), \
                    tempfile.TemporaryDirectory(dir=tools.WORK) as folder:
                with open(f"{folder}/m.onnx", "wb") as file:
                    file.write(model.SerializeToString())
                tools.run("qopt", "compile", f"{folder}/m.onnx", "-o",
                          f"{folder}/m.qar", "--preset", "fp32", "-O", level,
                          "--target", "native")
                numpy.savez(f"{folder}/in.npz", **{names[i]: inputs[i] for i in free})
                arguments = ["--input", f"@{folder}/in.npz"]
                for name in outputs:
                    arguments += ["--output", f"{name}=@{folder}/{name}.npy"]
                tools.run("qrun", f"{folder}/m.qar", *arguments)
                for name, array in zip(outputs, expected):
                    found = numpy.load(f"{folder}/{name}.npy")
                    self.assertEqual(found.shape, array.shape)
                    numpy.testing.assert_allclose(found, array, 1e-4, 1e-4)

    def test_transposed_convolution(self):
        for shape, out, kernel, strides, dilations, pads, extra, groups in [
                ((1, 4, 5), 2, [4], [3], [2], [2, 1], [1], 2),
                ((2, 4, 3, 4), 3, [2, 2], [2, 2], [1, 1], [0] * 4, [0, 0], 1),
                ((1, 6, 4, 3), 2, [3, 5], [2, 1], [1, 2], [1, 4, 0, 3], [1, 0], 3),
                ((1, 2, 4, 4), 1, [3, 3], [4, 2], [1, 1], [0, 1, 0, 1], [1, 0], 1),
                ((1, 4, 2, 3, 2), 1, [3, 2, 1], [2, 3, 1], [1, 2, 1],
                 [1, 0, 0, 1, 2, 0], [0, 1, 0], 2)]:
            x, filter = floats(*shape), floats(shape[1], out, *kernel)
            bias = floats(out * groups)
            y = transposed(x, filter, strides, dilations, pads, extra, groups)
            y += bias.reshape(-1, *[1] * len(kernel))
            self.check("ConvTranspose", [x, filter, bias], [y.astype(numpy.float32)],
                       constants=(1, 2), strides=strides, dilations=dilations,
                       pads=pads, output_padding=extra, group=groups)

    def test_convolution_over_volumes(self):
        for shape, out, kernel, strides, dilations, pads, groups in [
                ((2, 4, 5, 6, 7), 6, [3, 2, 3], [2, 1, 2], [1, 2, 1],
                 [1, 0, 1, 1, 2, 0], 2),
                ((1, 3, 3, 4, 3, 4), 2, [2, 3, 1, 2], [1, 2, 1, 1], [1] * 4,
                 [0, 1, 0, 1, 1, 0, 0, 0], 1)]:
            x, filter = floats(*shape), floats(out, shape[1] // groups, *kernel)
            y = convolved(x, filter, strides, dilations, pads, groups)
            self.check("Conv", [x, filter], [y.astype(numpy.float32)], constants=(1,),
                       strides=strides, dilations=dilations, pads=pads, group=groups)

    def test_maximum_pool_with_indices(self):
        x = RANDOM.permutation(2 * 3 * 5 * 6).reshape(2, 3, 5, 6)
        x = x.astype(numpy.float32)
        values = numpy.full((2, 3, 2, 3), -numpy.inf, numpy.float32)
        places = numpy.zeros((2, 3, 2, 3), numpy.int64)
        for n, c, i, j, u, v in numpy.ndindex(2, 3, 2, 3, 3, 2):
            row, column = 2 * i + u, 2 * j + v - 1
            if 0 <= column < 6 and x[n, c, row, column] > values[n, c, i, j]:
                values[n, c, i, j] = x[n, c, row, column]
                places[n, c, i, j] = ((n * 3 + c) * 5 + row) * 6 + column
        self.check("MaxPool", [x], [values, places], kernel_shape=[3, 2],
                   strides=[2, 2], pads=[0, 1, 0, 0])

    def test_elements_and_rows_by_index(self):
        data = floats(4, 5, 3)
        indices = RANDOM.randint(-5, 5, (4, 2, 3))
        self.check("GatherElements", [data, indices],
                   [numpy.take_along_axis(data, indices, 1)], axis=1)
        tuples = numpy.stack([RANDOM.randint(-5, 5, (4, 6)),
                              RANDOM.randint(-3, 3, (4, 6))], -1)
        rows = numpy.stack([data[b][tuple(tuples[b].T)] for b in range(4)])
        # The length of tuples is part of the program.
        self.check("GatherND", [data, tuples], [rows], constants=(1,), batch_dims=1)

    def test_reading_outside_takes_the_nearest_element(self):
        data, indices = floats(4, 3), numpy.array([[7, -9, 3], [100, 0, -4]])
        nearest = numpy.take_along_axis(
            data, numpy.clip(numpy.where(indices < 0, indices + 4, indices), 0, 3), 0)
        self.check("GatherElements", [data, indices], [nearest], axis=0)

    def test_updates_apply_in_order_and_outside_ones_not(self):
        for reduction, join in [("none", lambda a, b: b), ("add", numpy.add),
                                ("mul", numpy.multiply), ("min", numpy.minimum),
                                ("max", numpy.maximum)]:
            data, updates = floats(3, 4, 2), floats(2, 6, 2)
            indices = RANDOM.randint(-6, 7, updates.shape)
            self.check("ScatterElements", [data, indices, updates],
                       [scattered(data, indices, updates, 1, join)], axis=1,
                       reduction=reduction)
            tuples = RANDOM.randint(-4, 5, (7, 1))
            rows, result = floats(7, 4, 2), data.copy()
            for (index,), row in zip(tuples, rows):
                if -3 <= index < 3:
                    result[index] = join(result[index], row)
            self.check("ScatterND", [data, tuples, rows], [result], constants=(1,),
                       reduction=reduction)

    def test_running_sums(self):
        x = RANDOM.randint(-9, 9, (3, 7, 2)).astype(numpy.int32)
        axis = numpy.array(1)
        self.check("CumSum", [x, axis], [numpy.cumsum(x, 1, numpy.int32)],
                   constants=(1,))
        flipped = numpy.cumsum(x[:, ::-1], 1, numpy.int32)[:, ::-1] - x
        self.check("CumSum", [x, axis], [flipped], constants=(1,), exclusive=1,
                   reverse=1)

    def test_einstein_sums(self):
        for equation, shapes in [
                ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
                ("...ij,...kj->...ik", [(2, 3, 3, 4), (3, 5, 4)]),
                ("bhqd,bkhd->bhqk", [(2, 3, 4, 5), (2, 6, 3, 5)]),
                ("ij,jk,kl", [(2, 3), (3, 4), (4, 5)]),
                ("i,j->ji", [(3,), (4,)]), ("ijk->k", [(2, 3, 4)]),
                ("ab,ab,cb->a", [(3, 4), (3, 4), (2, 4)])]:
            arrays = [floats(*shape) for shape in shapes]
            self.check("Einsum", arrays, [numpy.einsum(equation, *arrays)],
                       equation=equation)


if __name__ == "__main__":
    unittest.main()
