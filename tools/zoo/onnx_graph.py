# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small builder of ONNX graphs, named the way common exporters name them.

    graph = Graph("tiny")
    x = graph.input("x", np.float32, ["batch", 4])
    y = graph.op("Relu", [x], scope="/act")      # node "/act/Relu"
    graph.output("y", y, np.float32, ["batch", 4])
    graph.save("tiny.onnx")
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class Graph:
    def __init__(self, name):
        self.name = name
        self.nodes, self.inputs, self.outputs = [], [], []
        self.initializers = {}
        self.names = {}

    def input(self, name, dtype, shape):
        self.inputs.append(self._value_info(name, dtype, shape))
        return name

    def output(self, name, value, dtype, shape):
        """Renames `value` to `name` and makes it an output of the graph."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if n == value else n for n in names]
        self.outputs.append(self._value_info(name, dtype, shape))

    def initializer(self, name, array):
        """A named weight; asking twice for one name gives the same weight."""
        array = np.ascontiguousarray(array)
        self.initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def constant(self, array, scope, dtype=None):
        """A Constant node, as exporters write scalars and shapes."""
        tensor = numpy_helper.from_array(np.asarray(array, dtype))
        return self.op("Constant", [], scope, value=tensor)

    def op(self, kind, inputs, scope, outputs=1, **attributes):
        """Adds a node; returns its output name, or a list if `outputs` > 1."""
        name = self._unique(f"{scope}/{kind}")
        results = [f"{name}_output_{i}" for i in range(outputs)]
        self.nodes.append(
            helper.make_node(kind, inputs, results, name=name, **attributes))
        return results[0] if outputs == 1 else results

    def linear(self, x, weight, bias, prefix, scope):
        """x @ weight + bias, as exporters write a Linear of rank 3.

        `weight` is [in, out]; `prefix` names the two initializers.
        """
        w = self.initializer(f"{prefix}.weight", weight)
        b = self.initializer(f"{prefix}.bias", bias)
        product = self.op("MatMul", [x, w], scope)
        return self.op("Add", [b, product], scope)

    def gelu(self, x, scope):
        """x / 2 * (1 + erf(x / sqrt 2)), in the five ops exporters use."""
        root2 = self.constant(np.sqrt(2.0), scope, np.float32)
        one = self.constant(1.0, scope, np.float32)
        half = self.constant(0.5, scope, np.float32)
        erf = self.op("Erf", [self.op("Div", [x, root2], scope)], scope)
        product = self.op("Mul", [x, self.op("Add", [erf, one], scope)], scope)
        return self.op("Mul", [product, half], scope)

    def save(self, path):
        """Checks the model in full and writes it; returns the model."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs,
                                  self.outputs, list(self.initializers.values()))
        model = helper.make_model(
            graph, producer_name="qopt-zoo", ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)])
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(path))
        return model

    @staticmethod
    def _value_info(name, dtype, shape):
        element = helper.mapping.NP_TYPE_TO_TENSOR_TYPE[np.dtype(dtype)] \
            if not hasattr(helper, "np_dtype_to_tensor_dtype") \
            else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return helper.make_tensor_value_info(name, element, shape)

    def _unique(self, name):
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        return f"{name}_{count}" if count else name
