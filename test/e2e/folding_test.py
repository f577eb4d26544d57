"""What the compiler folds is what the kernels would have computed, to the bit.

Every op is compiled twice on the same awkward numbers: once as constants, which
fold, once as inputs, which run.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import itertools
import tempfile
import unittest

import numpy
from onnx import TensorProto, helper, numpy_helper

import tools

FLOATS = [0.0, -0.0, 1.0, -1.0, 0.1, -2.5, 3.7, 1e-40, -1e-40, 3.4e38, -3.4e38,
          1e10, -1e10, 88.0, -104.0, 2147483648.0, 9.3e18, -9.3e18,
          float("inf"), float("-inf"), float("nan")]
# Elements below this count fold in the importer, above it in Simplify.
SMALL, LARGE = 1, 4
FLOAT_UNARY = ["Neg", "Abs", "Floor", "Ceil", "Round", "Sqrt", "Reciprocal", "Exp",
               "Log", "Relu", "Sigmoid", "Tanh", "Erf", "Sin", "Cos", "Softplus"]
FLOAT_BINARY = ["Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "Less", "Greater",
                "LessOrEqual", "GreaterOrEqual", "Equal"]
INTEGER_UNARY = ["Neg", "Abs"]
INTEGER_BINARY = ["Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "Less", "Greater",
                  "LessOrEqual", "GreaterOrEqual", "Equal"]
TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE,
         "int32": TensorProto.INT32, "int64": TensorProto.INT64,
         "uint32": TensorProto.UINT32, "uint64": TensorProto.UINT64,
         "bool": TensorProto.BOOL}


def numbers(kind):
    if kind.startswith("float"):
        return numpy.array(FLOATS, kind)
    info = numpy.iinfo(kind)
    edge = [info.min, info.min + 1, info.max, info.max - 1, info.max // 2 + 1]
    return numpy.array(edge + [0, 1, 2, 3, 5, 7, 62, 1000003], kind)


def pairs(kind, repeats):
    both = numpy.array(list(itertools.product(numbers(kind), repeat=2)), kind)
    both = numpy.tile(both, (repeats, 1))
    return {"a": both[:, 0].copy(), "b": both[:, 1].copy()}


class Folding(unittest.TestCase):
    def run_model(self, nodes, results, inputs, fold):
        arrays = [numpy_helper.from_array(v, k) for k, v in inputs.items()]
        ports = [] if fold else [
            helper.make_tensor_value_info(k, TYPES[str(v.dtype)], v.shape)
            for k, v in inputs.items()]
        outputs = [helper.make_tensor_value_info(n, t, None) for n, t in results]
        graph = helper.make_graph(nodes, "folding", ports, outputs,
                                  arrays if fold else [])
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        with tempfile.TemporaryDirectory(dir=tools.WORK) as folder:
            path = f"{folder}/model.onnx"
            with open(path, "wb") as file:
                file.write(model.SerializeToString())
            tools.run("qopt", "compile", path, "-o", f"{folder}/model.qar",
                      "--preset", "fp32", "--target", "native")
            arguments = []
            if not fold:
                numpy.savez(f"{folder}/in.npz", **inputs)
                arguments = ["--input", f"@{folder}/in.npz"]
            for name, _ in results:
                arguments += ["--output", f"{name}=@{folder}/{name}.npy"]
            tools.run("qrun", f"{folder}/model.qar", *arguments)
            return {name: numpy.load(f"{folder}/{name}.npy") for name, _ in results}

    def compare(self, nodes, results, inputs):
        folded = self.run_model(nodes, results, inputs, fold=True)
        computed = self.run_model(nodes, results, inputs, fold=False)
        for name, _ in results:
            a, b = folded[name], computed[name]
            self.assertEqual(a.dtype, b.dtype, name)
            same = a.view(f"u{a.itemsize}") == b.view(f"u{a.itemsize}")
            if a.dtype.kind == "f":
                same |= numpy.isnan(a) & numpy.isnan(b)
            wrong = numpy.flatnonzero(~same)
            self.assertEqual(
                len(wrong), 0,
                f"{name}: {[(*(v[i] for v in inputs.values()), a[i], b[i]) for i in wrong[:4]]}"
                " (operands, folded, computed)")

    def check(self, kind, unary, binary, casts, repeats):
        nodes, results = [], []

        def add(op, inputs, element, name=None, **attributes):
            name = name or op
            nodes.append(helper.make_node(op, inputs, [name], **attributes))
            results.append((name, element))

        comparison = {"Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"}
        for op in unary:
            add(op, ["a"], TYPES[kind])
        for op in binary:
            add(op, ["a", "b"], TensorProto.BOOL if op in comparison else TYPES[kind])
        for to in casts:
            add("Cast", ["a"], TYPES[to], f"to_{to}", to=TYPES[to])
        self.compare(nodes, results, pairs(kind, repeats))

    def test_float32(self):
        casts = ["int32", "int64", "uint32", "uint64", "bool", "float64"]
        for repeats in SMALL, LARGE:
            self.check("float32", FLOAT_UNARY, FLOAT_BINARY, casts, repeats)

    def test_float64(self):
        for repeats in SMALL, LARGE:
            self.check("float64", ["Neg", "Abs", "Floor", "Ceil", "Sqrt", "Reciprocal",
                                   "Exp", "Log", "Sigmoid", "Tanh", "Softplus",
                                   "Erf", "Sin", "Cos"],
                       ["Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "Less",
                        "Equal"],
                       ["int32", "int64", "uint64", "float32", "bool"], repeats)

    def test_signed(self):
        for kind, repeats in itertools.product(["int32", "int64"], [SMALL, 8]):
            casts = ["int32", "int64", "uint32", "uint64", "float32", "float64", "bool"]
            casts.remove(kind)
            self.check(kind, INTEGER_UNARY, INTEGER_BINARY, casts, repeats)

    def test_unsigned(self):
        for kind, repeats in itertools.product(["uint32", "uint64"], [SMALL, 8]):
            casts = ["int32", "int64", "uint32", "uint64", "float32", "float64", "bool"]
            casts.remove(kind)
            # ONNX has no powers of unsigned numbers.
            binary = [op for op in INTEGER_BINARY if op != "Pow"]
            self.check(kind, [], binary, casts, repeats)

    def test_clip(self):
        nodes = [helper.make_node("Constant", [], ["lo"], value_float=-1.5),
                 helper.make_node("Constant", [], ["hi"], value_float=6.0),
                 helper.make_node("Clip", ["a", "lo", "hi"], ["clip"])]
        for repeats in SMALL, LARGE:
            inputs = {"a": numpy.tile(numpy.array(FLOATS, "float32"), repeats * 30)}
            self.compare(nodes, [("clip", TensorProto.FLOAT)], inputs)

    def test_reductions(self):
        values = numpy.random.default_rng(3).standard_normal(100).astype("float32")
        kinds = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"]
        nodes = [helper.make_node(k, ["a"], [k], keepdims=1) for k in kinds]
        self.compare(nodes, [(k, TensorProto.FLOAT) for k in kinds], {"a": values})


if __name__ == "__main__":
    unittest.main()
