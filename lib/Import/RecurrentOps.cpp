// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RNN, GRU and LSTM: the inputs' share of all steps is one matmul a direction,
// the steps are one nn.recurrence a direction.
#include "lib/Import/OpTable.h"

using namespace mlir;

namespace qopt::import {
namespace {

using Cell = nn::RecurrentCell;
using Activation = nn::RecurrentActivation;

struct ActivationRow {
  StringLiteral name;
  Activation activation;
  double alpha, beta; // defaults; 0 where there is none
};
constexpr ActivationRow activationRows[] = {
    {"affine", Activation::affine, 1, 0},
    {"elu", Activation::elu, 1, 0},
    {"hardsigmoid", Activation::hard_sigmoid, 0.2, 0.5},
    {"leakyrelu", Activation::leaky_relu, 0.01, 0},
    {"relu", Activation::relu, 0, 0},
    {"scaledtanh", Activation::scaled_tanh, 1, 1},
    {"sigmoid", Activation::sigmoid, 0, 0},
    {"softplus", Activation::softplus, 0, 0},
    {"softsign", Activation::softsign, 0, 0},
    {"tanh", Activation::tanh, 0, 0},
    {"thresholdedrelu", Activation::thresholded_relu, 1, 0},
};

/// Which of its parameters an activation takes from the node's lists.
bool takesAlpha(Activation activation) {
  switch (activation) {
  case Activation::affine:
  case Activation::elu:
  case Activation::hard_sigmoid:
  case Activation::leaky_relu:
  case Activation::scaled_tanh:
  case Activation::thresholded_relu:
    return true;
  default:
    return false;
  }
}
bool takesBeta(Activation activation) {
  return activation == Activation::affine ||
         activation == Activation::hard_sigmoid ||
         activation == Activation::scaled_tanh;
}

constexpr int64_t maxHidden = 1 << 24;

struct Activations {
  SmallVector<Attribute> names;
  SmallVector<float> alphas, betas;
};

class Recurrence {
public:
  Recurrence(NodeImport &node, Cell cell)
      : node(node), cell(cell), gates(nn::numGates(cell)),
        batchFirst(node.integer("layout", 0) == 1) {
    readDirections();
    x = tensor(0, 3, "X");
    if (batchFirst)
      x = node.transpose(x, {1, 0, 2});
    readHidden();
    readActivations();
    if (node.hasInput(4))
      lengths = node.cast(tensor(4, 1, "sequence_lens"),
                          node.builder().getI32Type());
  }

  void import() {
    SmallVector<Value> all, lastH, lastC;
    for (int64_t d = 0; d < directions; ++d) {
      Value states = steps(d);
      all.push_back(outputs(states, d));
      lastH.push_back(last(states, d, 0));
      if (cell == Cell::lstm)
        lastC.push_back(last(states, d, hidden));
    }
    if (node.wantsOutput(0)) // [T, D, B, H] or [B, T, D, H]
      node.result(batchFirst ? node.transpose(node.concat(all, 1), {2, 0, 1, 3})
                             : node.concat(all, 1),
                  0);
    finalState(lastH, 1);
    finalState(lastC, 2);
  }

private:
  //===-- What the node says ----------------------------------------------===//

  void readDirections() {
    std::string direction = node.text("direction", "forward");
    if (direction != "forward" && direction != "reverse" &&
        direction != "bidirectional")
      node.bad("expected direction forward, reverse or bidirectional, found '" +
               Twine(direction) + "'");
    directions = direction == "bidirectional" ? 2 : 1;
    startsBackward = direction == "reverse";
  }
  bool isBackward(int64_t d) const { return startsBackward || d == 1; }

  Value tensor(size_t i, int64_t rank, const Twine &name) {
    Value value = node.input(i);
    if (node.rank(value) != rank)
      node.bad("expected its input " + name + " to have rank " + Twine(rank) +
               ", found " + Twine(node.rank(value)));
    return value;
  }

  void readHidden() {
    Scalar size = node.dims(tensor(2, 3, "R"))[2];
    if (!size.isInt() && !node.hasAttribute("hidden_size"))
      node.unsupported("its input R has a hidden size that is not fixed; "
                       "expected an attribute hidden_size");
    hidden = node.integer("hidden_size", size.integer);
    if (hidden < 1 || hidden > maxHidden)
      node.bad("expected a hidden size of 1 to " + Twine(maxHidden) +
               ", found " + Twine(hidden));
    if (size.isInt() && size.integer != hidden)
      node.bad("expected its input R to have the hidden size " + Twine(hidden) +
               ", found " + Twine(size.integer));
    // What the types leave open is checked when the model runs.
    int64_t width = gates * hidden;
    fix(1, {"W", 3}, {directions, width});
    fix(2, {"R", 3}, {directions, width, hidden});
    fix(3, {"B", 2}, {directions, 2 * width});
    if (cell == Cell::lstm)
      fix(7, {"P", 2}, {directions, 3 * hidden});
  }

  struct Operand {
    StringRef name;
    int64_t rank;
  };
  void fix(size_t i, Operand operand, ArrayRef<int64_t> sizes) {
    if (node.hasInput(i))
      node.setInput(i, node.withSizes(tensor(i, operand.rank, operand.name), 0,
                                      sizes));
  }

  void readActivations() {
    const onnx::AttributeProto *names = node.attribute("activations");
    SmallVector<std::string> given;
    if (names)
      given.append(names->strings().begin(), names->strings().end());
    if (given.empty())
      for (int64_t d = 0; d < directions; ++d) {
        if (cell != Cell::rnn)
          given.push_back("Sigmoid");
        given.push_back("Tanh");
        if (cell == Cell::lstm)
          given.push_back("Tanh");
      }
    size_t each = cell == Cell::rnn ? 1 : cell == Cell::gru ? 2 : 3;
    if (given.size() != each * directions)
      node.bad("expected " + Twine(each * directions) + " activations, found " +
               Twine(given.size()));
    // The lists hold entries for those activations only that take them.
    SmallVector<double> alphas = node.reals("activation_alpha"),
                        betas = node.reals("activation_beta");
    size_t alpha = 0, beta = 0;
    activations.resize(directions);
    for (auto [i, name] : llvm::enumerate(given)) {
      const ActivationRow *row = llvm::find_if(
          activationRows, [&](const ActivationRow &row) {
            return StringRef(name).equals_insensitive(row.name);
          });
      if (row == std::end(activationRows))
        node.unsupported("the activation '" + Twine(name) +
                         "' is not supported");
      Activations &own = activations[i / each];
      own.names.push_back(node.builder().getStringAttr(
          nn::stringifyRecurrentActivation(row->activation)));
      bool hasAlpha = takesAlpha(row->activation) && alpha < alphas.size();
      bool hasBeta = takesBeta(row->activation) && beta < betas.size();
      own.alphas.push_back(hasAlpha ? alphas[alpha++] : row->alpha);
      own.betas.push_back(hasBeta ? betas[beta++] : row->beta);
    }
  }

  //===-- One direction ---------------------------------------------------===//

  /// Slice `d` of the first axis, which is gone.
  Value ofDirection(Value value, int64_t d) {
    Scalars sizes = node.dims(value), offsets(sizes.size(), Scalar::ofInt(0));
    sizes[0] = Scalar::ofInt(1);
    offsets[0] = Scalar::ofInt(d);
    Value part = node.slice(value, offsets, sizes);
    return node.reshape(part, ArrayRef(sizes).drop_front());
  }
  /// Columns [offset, offset + size) of the last axis.
  Value columns(Value value, int64_t offset, int64_t size) {
    Scalars sizes = node.dims(value), offsets(sizes.size(), Scalar::ofInt(0));
    sizes.back() = Scalar::ofInt(size);
    offsets.back() = Scalar::ofInt(offset);
    return node.slice(value, offsets, sizes);
  }

  /// Adds the biases to the inputs' share; what linear_before_reset keeps apart
  /// stays in `hiddenBias`.
  Value addBias(Value share, int64_t d, Value &hiddenBias) {
    if (!node.hasInput(3))
      return share;
    int64_t width = gates * hidden;
    Value bias = ofDirection(node.input(3), d);
    Value ofInput = columns(bias, 0, width), ofHidden = columns(bias, width, width);
    if (cell == Cell::gru && node.integer("linear_before_reset", 0)) {
      hiddenBias = columns(ofHidden, 2 * hidden, hidden);
      Value kept = columns(ofHidden, 0, 2 * hidden);
      ofHidden = node.concat({kept, node.splat(0, bias, {hidden})}, 0);
    }
    Value sum = node.create<nn::AddOp>({ofInput, ofHidden});
    return node.create<nn::AddOp>({share, sum});
  }

  Value initialState(size_t i, int64_t d) {
    if (!node.hasInput(i))
      return {};
    Value state = tensor(i, 3, i == 5 ? "initial_h" : "initial_c");
    if (batchFirst)
      state = node.transpose(state, {1, 0, 2});
    return ofDirection(state, d);
  }

  /// Every state [T + 1, B, H or 2 * H] of direction `d`.
  Value steps(int64_t d) {
    Value weights = node.transpose(ofDirection(node.input(1), d), {1, 0});
    Value share = node.create<nn::MatMulOp>({x, weights});
    Value hiddenBias;
    share = addBias(share, d, hiddenBias);
    Value optional[] = {
        initialState(5, d),
        cell == Cell::lstm ? initialState(6, d) : Value(), hiddenBias,
        cell == Cell::lstm && node.hasInput(7)
            ? ofDirection(node.input(7), d)
            : Value(),
        lengths};
    SmallVector<Value> operands{
        share, node.transpose(ofDirection(node.input(2), d), {1, 0})};
    SmallVector<int32_t> segments{1, 1};
    for (Value operand : optional) {
      segments.push_back(bool(operand));
      if (operand)
        operands.push_back(operand);
    }
    OpBuilder &b = node.builder();
    const Activations &own = activations[d];
    return node.create<nn::RecurrenceOp>(
        operands,
        {node.attr("cell", nn::RecurrentCellAttr::get(b.getContext(), cell)),
         node.attr("activations", b.getArrayAttr(own.names)),
         node.attr("alphas", b.getDenseF32ArrayAttr(own.alphas)),
         node.attr("betas", b.getDenseF32ArrayAttr(own.betas)),
         node.attr("reverse", b.getBoolAttr(isBackward(d))),
         node.attr("clip", b.getF32FloatAttr(node.real("clip", 0))),
         node.attr("linear_before_reset",
                   b.getBoolAttr(node.integer("linear_before_reset", 0))),
         node.attr("input_forget",
                   b.getBoolAttr(node.integer("input_forget", 0))),
         node.attr("operandSegmentSizes", b.getDenseI32ArrayAttr(segments))});
  }

  //===-- Results ---------------------------------------------------------===//

  /// `count` rows of the states from row `first` on, `hidden` columns from
  /// `column` on.
  Value rows(Value states, Scalar first, Scalar count, int64_t column) {
    Scalars sizes = node.dims(states);
    Scalar zero = Scalar::ofInt(0);
    return node.slice(states, {first, zero, Scalar::ofInt(column)},
                      {count, sizes[1], Scalar::ofInt(hidden)});
  }
  Value last(Value states, int64_t d, int64_t column) { // [1, B, H]
    Scalar row = isBackward(d) ? Scalar::ofInt(0) : node.dims(x)[0];
    return rows(states, row, Scalar::ofInt(1), column);
  }
  /// [T, 1, B, H]: h after each step, 0 beyond an item's length.
  Value outputs(Value states, int64_t d) {
    Scalar length = node.dims(x)[0];
    Value h = rows(states, Scalar::ofInt(isBackward(d) ? 0 : 1), length, 0);
    if (lengths) {
      Value step =
          node.cast(node.iota(length), node.builder().getI32Type());
      step = node.reshape(step, {length, Scalar::ofInt(1), Scalar::ofInt(1)});
      Value bound =
          node.reshape(lengths, {node.dims(lengths)[0], Scalar::ofInt(1)});
      Value active = node.create<nn::LessOp>({step, bound});
      h = node.create<nn::SelectOp>({active, h, node.splat(0, h)});
    }
    Scalars sizes = node.dims(h);
    sizes.insert(sizes.begin() + 1, Scalar::ofInt(1));
    return node.reshape(h, sizes);
  }
  /// Output `i` from each direction's [1, B, H].
  void finalState(ArrayRef<Value> parts, size_t i) {
    if (!node.wantsOutput(i) || parts.empty())
      return;
    Value state = node.concat(parts, 0);
    node.result(batchFirst ? node.transpose(state, {1, 0, 2}) : state, i);
  }

  NodeImport &node;
  Cell cell;
  int64_t gates, hidden = 0, directions = 1;
  bool batchFirst, startsBackward = false;
  Value x, lengths;
  SmallVector<Activations> activations;
};

template <Cell cell> void importRecurrence(NodeImport &node) {
  Recurrence(node, cell).import();
}

constexpr OpEntry rows[] = {
    {"GRU", 3, 6, importRecurrence<Cell::gru>},
    {"LSTM", 3, 8, importRecurrence<Cell::lstm>},
    {"RNN", 3, 6, importRecurrence<Cell::rnn>},
};
} // namespace

ArrayRef<OpEntry> recurrentOps() { return rows; }

} // namespace qopt::import
