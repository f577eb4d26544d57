"""Bad input: a clear error, the right exit code, nothing left behind.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import pathlib
import resource
import subprocess
import tempfile
import unittest

import numpy

import tools

MODEL = tools.MODELS / "fashion-cnn.onnx"
USAGE, BAD_MODEL, IO, INTEGRITY, ACCURACY = 2, 3, 6, 7, 8


class BadInput(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=tools.WORK)
        self.path = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def refuse(self, code, tool, *arguments, says=""):
        """The tool exits with `code`, says why, and writes no artifact."""
        result = tools.run(tool, *arguments, expect=code)
        self.assertIn(says, result.stderr)
        self.assertIn("error", result.stderr)
        self.assertFalse(list(self.path.glob("*.qar*")), "something was left behind")
        return result.stderr

    def compile(self, code, model, *arguments, says=""):
        return self.refuse(code, "qopt", "compile", model, "-o", self.path / "out.qar",
                           *arguments, says=says)

    # Models ---------------------------------------------------------------

    def test_truncated_model(self):
        whole = MODEL.read_bytes()
        for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
            model = self.path / "truncated.onnx"
            model.write_bytes(whole[:size])
            self.compile(BAD_MODEL, model)

    def test_garbage_model(self):
        model = self.path / "garbage.onnx"
        model.write_bytes(numpy.random.default_rng(1).bytes(10000))
        self.compile(BAD_MODEL, model)

    def test_absent_model(self):
        self.compile(IO, self.path / "absent.onnx", says="absent.onnx")

    # Calibration data -------------------------------------------------------

    def calibrate(self, says, **arrays):
        numpy.savez(self.path / "data.npz", **arrays)
        self.compile(BAD_MODEL, MODEL, "--preset", "int8", "--calib",
                     self.path / "data.npz", says=says)

    def test_calibration_names(self):
        self.calibrate("image", picture=numpy.zeros((4, 1, 28, 28), "float32"))

    def test_calibration_types(self):
        self.calibrate("float32", image=numpy.zeros((4, 1, 28, 28), "int64"))

    def test_calibration_shapes(self):
        self.calibrate("28", image=numpy.zeros((4, 1, 28, 27), "float32"))

    def test_calibration_nan(self):
        image = numpy.zeros((4, 1, 28, 28), "float32")
        image[2, 0, 5, 5] = numpy.nan
        self.calibrate("NaN", image=image)

    def test_int8_without_calibration(self):
        self.compile(USAGE, MODEL, "--preset", "int8", says="--calib")

    # Command lines ------------------------------------------------------------

    def test_usage(self):
        self.compile(USAGE, MODEL, "--budget", "size=many", says="--budget")
        self.compile(USAGE, MODEL, "--budget", "error=small", says="26dB or 5%")
        self.compile(USAGE, MODEL, "--budget", "error=5%", says="--calib")
        self.compile(USAGE, MODEL, "--budget", "error=5%,error=6%", says="twice")
        self.compile(USAGE, MODEL, "--budget", ",", says="expected size=SIZE")
        self.compile(USAGE, MODEL, "--target", "z80", says="z80")
        self.compile(USAGE, MODEL, "--to", "nowhere", says="nowhere")

    # Artifacts ------------------------------------------------------------------

    def test_flipped_byte_in_every_section(self):
        whole = bytearray(tools.compile("fashion-cnn", "--preset", "fp32").read_bytes())
        count = int.from_bytes(whole[24:28], "little")
        sections = []
        for i in range(count):
            entry = whole[64 + 80 * i:64 + 80 * (i + 1)]
            sections.append((int.from_bytes(entry[8:16], "little"),
                             int.from_bytes(entry[16:24], "little")))
        self.assertGreaterEqual(len(sections), 4)
        positions = [0, 30, 70] + [offset + size // 2 for offset, size in sections]
        for position in positions:
            damaged = bytearray(whole)
            damaged[position] ^= 1
            file = self.path / "damaged.bin"
            file.write_bytes(damaged)
            self.refuse(INTEGRITY, "qrun", file, "--input", f"image=@{tools.images()}")

    def test_truncated_artifact(self):
        whole = tools.compile("fashion-cnn", "--preset", "fp32").read_bytes()
        for size in (0, 63, 64, 4096, len(whole) - 1):
            file = self.path / "truncated.bin"
            file.write_bytes(whole[:size])
            self.refuse(INTEGRITY, "qrun", file, "--input", f"image=@{tools.images()}")

    def test_wrong_input_to_qrun(self):
        artifact = tools.compile("fashion-cnn", "--preset", "fp32")
        numpy.save(self.path / "shape.npy", numpy.zeros((1, 1, 28, 27), "float32"))
        numpy.save(self.path / "type.npy", numpy.zeros((1, 1, 28, 28), "float64"))
        self.refuse(BAD_MODEL, "qrun", artifact, "--input",
                    f"image=@{self.path / 'shape.npy'}", says="28")
        self.refuse(BAD_MODEL, "qrun", artifact, "--input",
                    f"image=@{self.path / 'type.npy'}", says="f32")
        self.refuse(BAD_MODEL, "qrun", artifact, "--input",
                    f"picture=@{tools.images()}", says="image")

    def test_accuracy_gate(self):
        artifact = tools.compile("fashion-cnn", "--preset", "fp32")
        reference = numpy.load(tools.MODELS / "fashion-cnn.logits64.npy")
        numpy.save(self.path / "other.npy", -reference)
        tools.run("qrun", artifact, "--input", f"image=@{tools.images()}", "--expect",
                  f"logits=@{self.path / 'other.npy'}", "--metric", "sqnr", "--min", 20,
                  expect=ACCURACY)

    def test_full_disk_keeps_the_old_artifact(self):
        out = self.path / "out.qar"
        out.write_bytes(b"the old artifact")
        def limit():
            # Writing beyond this fails as a full disk does.
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        result = subprocess.run(
            [tools.BUILD / "bin/qopt", "compile", MODEL, "-o", out, "--preset", "fp32"],
            capture_output=True, text=True, preexec_fn=limit)
        self.assertEqual(result.returncode, IO, result.stderr)
        self.assertEqual(out.read_bytes(), b"the old artifact")
        self.assertEqual([p.name for p in self.path.iterdir()], ["out.qar"])


if __name__ == "__main__":
    unittest.main()
