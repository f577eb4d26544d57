// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Magic numbers of the files people pass by mistake.
#include "lib/Import/FileKind.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

namespace qopt::import {
namespace {
struct Magic {
  size_t offset;
  StringLiteral bytes;
  StringLiteral meaning;
};

constexpr Magic magics[] = {
    {0, "PK\x03\x04",
     "a ZIP archive, as PyTorch checkpoints (.pt, .pth) and .npz files are; "
     "export the model with torch.onnx.export"},
    {0, "\x80\x02",
     "a Python pickle, as older PyTorch checkpoints are; export "
     "the model with torch.onnx.export"},
    {0, "\x80\x04", "a Python pickle; export the model to ONNX"},
    {0, "\x89HDF", "an HDF5 file, as Keras saves; convert it with tf2onnx"},
    {4, "TFL3", "a TensorFlow Lite model; convert it with tf2onnx"},
    {0, "GGUF", "a GGUF file; build an ONNX model from it first"},
    {4, "ORTM", "an ONNX Runtime .ort file; pass the .onnx it was made from"},
    {0, "\x93NUMPY", "a NumPy array, not a model"},
    {0, "\x1f\x8b", "gzip-compressed; decompress it first"},
    {0,
     "\x7f"
     "ELF",
     "an executable or a library"},
    {0, "ML\xefR", "MLIR bytecode"},
    {0, "version https://git-lfs", "a Git LFS pointer; run 'git lfs pull'"},
    {0, "<?xml", "an XML file"},
    {0, "<!DOCTYPE", "an HTML page; the download went wrong"},
};

bool isText(StringRef bytes) {
  return all_of(bytes.take_front(4096),
                [](char c) { return isPrint(c) || isSpace(c) || (c & 0x80); });
}
} // namespace

StringRef describeForeignFile(StringRef bytes) {
  for (const Magic &magic : magics)
    if (bytes.substr(magic.offset).starts_with(magic.bytes))
      return magic.meaning;
  // Safetensors: a little-endian header length, then JSON.
  if (bytes.size() > 9 && bytes[8] == '{' &&
      support::endian::read64le(bytes.data()) < bytes.size())
    return "a safetensors file, which holds weights without a graph; export "
           "the model to ONNX";
  if (isText(bytes))
    return "a text file";
  return "";
}

} // namespace qopt::import
