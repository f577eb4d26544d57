"""Floats of 8 and 4 bits as tensors: every code, and rounding to them.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import unittest

import numpy

from onnx_models import build, node, run

F32 = "float32"
# ONNX number: exponent bits, mantissa bits, bias, infinity, one zero.
FORMATS = {17: (4, 3, 7, False, False), 18: (4, 3, 8, False, True),
           19: (5, 2, 15, True, False), 20: (5, 2, 16, False, True),
           23: (2, 1, 1, False, False)}


def values(number):
    """The value of every code, by the definition of the format."""
    exponent_bits, mantissa_bits, bias, infinity, one_zero = FORMATS[number]
    size = 1 << exponent_bits + mantissa_bits
    result = numpy.zeros(2 * size)
    for code in range(size):
        exponent, mantissa = divmod(code, 1 << mantissa_bits)
        value = (mantissa * 2.0 ** (1 - bias - mantissa_bits) if exponent == 0 else
                 (mantissa + (1 << mantissa_bits)) * 2.0 ** (exponent - bias - mantissa_bits))
        if infinity and exponent == (1 << exponent_bits) - 1:
            value = numpy.nan if mantissa else numpy.inf
        result[code], result[size + code] = value, -value
    if number == 17:
        result[[size - 1, 2 * size - 1]] = numpy.nan
    if one_zero:
        result[size] = numpy.nan
    return result


def packed(codes, number):
    if number != 23:
        return bytes(codes)
    return bytes(a | b << 4 for a, b in zip(codes[::2], codes[1::2]))


class NarrowTypes(unittest.TestCase):
    def test_every_code_decodes(self):
        for number in FORMATS:
            with self.subTest(type=number):
                expected = values(number)
                codes = list(range(len(expected)))
                model = build([node("Cast", ["x"], ["y"], to=1)],
                              {"x": (number, [len(codes)])}, {"y": (F32, [len(codes)])}, {})
                found = run(model, {"x": (number, [len(codes)], packed(codes, number))})["y"]
                numpy.testing.assert_array_equal(found, expected)
                finite = numpy.isfinite(expected)
                self.assertEqual(numpy.signbit(found[finite]).tolist(),
                                 numpy.signbit(expected[finite]).tolist())

    def test_rounding_is_to_nearest_even(self):
        """Midpoints, their neighbours, and what lies beyond the largest."""
        for number in FORMATS:
            table = values(number)
            half = table[:len(table) // 2]
            numbers = half[numpy.isfinite(half)]
            middles = ((numbers[1:] + numbers[:-1]) / 2).astype(F32)
            x = numpy.concatenate([numbers.astype(F32), middles,
                                   numpy.nextafter(middles, numpy.float32(0)),
                                   numpy.nextafter(middles, numpy.float32(numpy.inf)),
                                   numpy.float32([numbers[-1] * 4, 1e38, numpy.inf])])
            x = numpy.concatenate([x, -x[1:]])
            nearest = [closest(abs(v), numbers) for v in x]
            for saturate in (1, 0):
                with self.subTest(type=number, saturate=saturate):
                    model = build([node("Cast", ["x"], ["y"], to=number, saturate=saturate)],
                                  {"x": (F32, [len(x)])}, {"y": (number, [len(x)])}, {})
                    found = run(model, {"x": x})["y"].view("uint8")
                    decoded = table[found]
                    expected = numpy.copysign(numbers[nearest], x)
                    if not saturate and number != 23:
                        step = numbers[-1] - numbers[-2]
                        beyond = numpy.abs(x) >= numbers[-1] + step / 2
                        expected[beyond] = (numpy.copysign(numpy.inf, x[beyond])
                                            if number == 19 else numpy.nan)
                    numpy.testing.assert_array_equal(decoded, expected)


def closest(value, numbers):
    """The code of the nearest number, of two the even one."""
    distance = numpy.abs(numbers - min(float(value), numbers[-1]))
    best = numpy.flatnonzero(distance == distance.min())
    return int(best[0] if len(best) == 1 or best[0] % 2 == 0 else best[1])


if __name__ == "__main__":
    unittest.main()
