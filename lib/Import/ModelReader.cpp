// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From file to validated ModelProto.
#include "lib/Import/ModelReader.h"
#include "lib/Import/FileKind.h"
#include "lib/Import/GraphChecks.h"
#include "lib/Import/LocalFunctions.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/wire_format_lite.h>

using namespace llvm;

namespace qopt::import {
namespace {
bool isDefaultDomain(StringRef domain) {
  return domain.empty() || domain == "ai.onnx";
}

Error noModel(StringRef bytes, const char *reason) {
  StringRef kind = describeForeignFile(bytes);
  if (kind.empty())
    return fail(ExitCode::BadModel, "expected an ONNX model, found {0}",
                reason);
  return fail(ExitCode::BadModel, "expected an ONNX model, found {0}", kind);
}

// The fields of a serialized message, without making objects of them: calls
// `visit` with the number and content of each that has a length. False where
// the bytes are no message.
bool forEachField(StringRef bytes,
                  function_ref<void(unsigned, StringRef)> visit) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream stream(
      reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  while (uint32_t tag = stream.ReadTag()) {
    uint32_t length;
    if (WireFormatLite::GetTagWireType(tag) !=
        WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&stream, tag))
        return false;
      continue;
    }
    int begin = 0;
    if (!stream.ReadVarint32(&length) ||
        (begin = stream.CurrentPosition(), !stream.Skip(length)))
      return false;
    visit(WireFormatLite::GetTagFieldNumber(tag), bytes.substr(begin, length));
  }
  return true;
}

// The nodes of the outermost graph, before they take memory as objects.
uint64_t countNodes(StringRef bytes) {
  uint64_t count = 0;
  forEachField(bytes, [&](unsigned field, StringRef content) {
    if (field == onnx::ModelProto::kGraphFieldNumber)
      forEachField(content, [&](unsigned field, StringRef) {
        count += field == onnx::GraphProto::kNodeFieldNumber;
      });
  });
  return count;
}

Error parse(StringRef bytes, const ReadLimits &limits,
            onnx::ModelProto &proto) {
  if (bytes.empty())
    return fail(ExitCode::BadModel,
                "expected an ONNX model, found an empty file");
  if (bytes.size() > limits.maxBytes)
    return fail(ExitCode::Resources,
                "the file has {0} bytes, but protobuf holds at most {1}; save "
                "the weights as external data",
                bytes.size(), limits.maxBytes);
  if (uint64_t count = countNodes(bytes); count > limits.maxNodes)
    return fail(ExitCode::Resources,
                "the graph has {0} nodes, more than the limit of {1}", count,
                limits.maxNodes);
  // Protobuf would print its own complaint beside ours.
  google::protobuf::LogSilencer silencer;
  google::protobuf::io::CodedInputStream stream(
      reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  // A nested graph is four messages deep: attribute, graph, node, attribute.
  stream.SetRecursionLimit(4 * limits.maxNesting + 32);
  bool parsed =
      proto.ParseFromCodedStream(&stream) && stream.ConsumedEntireMessage();
  if (!parsed)
    return noModel(bytes, "truncated or damaged data (protobuf cannot parse "
                          "it); export or download the file again");
  if (!proto.has_graph())
    return noModel(bytes, "data without a graph");
  return Error::success();
}

Error checkOpsets(const onnx::ModelProto &proto) {
  StringSet<> domains;
  for (const auto &opset : proto.opset_import()) {
    std::string domain = isDefaultDomain(opset.domain()) ? "" : opset.domain();
    if (!domains.insert(domain).second)
      return fail(ExitCode::BadModel,
                  "the opset of domain '{0}' is imported twice", domain);
  }
  for (const auto &opset : proto.opset_import()) {
    if (!isDefaultDomain(opset.domain()))
      continue;
    if (opset.version() < minOpset || opset.version() > maxOpset)
      return fail(ExitCode::Unsupported,
                  "expected an opset from {0} to {1}, found {2}; export the "
                  "model with a supported opset or convert it with "
                  "onnx.version_converter",
                  minOpset, maxOpset, opset.version());
    return Error::success();
  }
  // A model of other domains alone needs none; the importer names its ops.
  for (const auto &node : proto.graph().node())
    if (isDefaultDomain(node.domain()))
      return fail(ExitCode::BadModel,
                  "expected an opset_import of the ONNX domain, found none");
  return Error::success();
}
} // namespace

std::string describeNode(const onnx::NodeProto &node, int index) {
  std::string op = node.op_type();
  if (!isDefaultDomain(node.domain()))
    op = node.domain() + "." + op;
  if (node.name().empty())
    return "node #" + std::to_string(index) + " (" + op + ")";
  return "node '" + node.name() + "' (" + op + ")";
}

int64_t Model::getOpset(StringRef domain) const {
  for (const auto &opset : proto.opset_import())
    if (opset.domain() == domain ||
        (isDefaultDomain(domain) && isDefaultDomain(opset.domain())))
      return opset.version();
  return 0;
}

Expected<TensorData> Model::getTensor(const onnx::TensorProto &tensor) const {
  return readTensor(tensor, shared_from_this(), external);
}

Expected<std::shared_ptr<Model>>
readModelFromBytes(StringRef bytes, StringRef path, const ReadLimits &limits) {
  std::shared_ptr<Model> model(new Model(path));
  Error error = [&]() -> Error {
    try {
      if (Error error = parse(bytes, limits, model->proto))
        return error;
    } catch (const std::bad_alloc &) {
      return fail(ExitCode::Resources, "not enough memory to parse the model");
    } catch (const std::exception &exception) {
      return fail(ExitCode::BadModel, "protobuf cannot parse it: {0}",
                  exception.what());
    }
    if (Error error = checkOpsets(model->proto))
      return error;
    if (Error error = expandLocalFunctions(model->proto, limits))
      return error;
    auto readable = [&](const onnx::TensorProto &tensor) {
      return model->getTensor(tensor).takeError();
    };
    return checkAndSortGraph(*model->proto.mutable_graph(), limits, readable);
  }();
  if (error)
    return addContext(std::move(error), path);
  return model;
}

Expected<std::shared_ptr<Model>> readModel(StringRef path,
                                           const ReadLimits &limits) {
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status))
    return fail(ExitCode::IO, "cannot read '{0}': {1}", path, code.message());
  if (sys::fs::is_directory(status))
    return fail(ExitCode::IO,
                "expected an ONNX file, found the folder '{0}'; name the "
                ".onnx file inside it",
                path);
  if (!sys::fs::is_regular_file(status))
    return fail(ExitCode::IO, "'{0}' is not a regular file", path);
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(
      path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(ExitCode::IO, "cannot read '{0}': {1}", path,
                buffer.getError().message());
  return readModelFromBytes((*buffer)->getBuffer(), path, limits);
}

} // namespace qopt::import
