// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops over positions; nothing is fast here.
#include "NetworkInterpreter.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace qopt {

Array::Array(ArrayRef<int64_t> shape, double value) : shape(shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  data.assign(count, value);
}

namespace {

using Position = SmallVector<int64_t, 6>;

Position positionOf(int64_t flat, ArrayRef<int64_t> shape) {
  Position position(shape.size());
  for (size_t axis = shape.size(); axis-- > 0; flat /= shape[axis])
    position[axis] = flat % shape[axis];
  return position;
}

int64_t flatOf(ArrayRef<int64_t> position, ArrayRef<int64_t> shape) {
  int64_t flat = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    flat = flat * shape[axis] + position[axis];
  return flat;
}

// Of an operand that broadcasts, aligned at the last axis.
double at(const Array &array, ArrayRef<int64_t> position) {
  ArrayRef<int64_t> own = position.take_back(array.rank());
  int64_t flat = 0;
  for (int64_t axis = 0; axis < array.rank(); ++axis)
    flat = flat * array.shape[axis] + (array.shape[axis] == 1 ? 0 : own[axis]);
  return array.data[flat];
}

template <typename Function>
Array make(Value result, Function function) {
  Array array(cast<RankedTensorType>(result.getType()).getShape());
  for (int64_t i = 0; i < array.size(); ++i)
    array.data[i] = function(positionOf(i, array.shape));
  return array;
}

class Interpreter {
public:
  const Array &operator[](Value value) {
    auto known = arrays.find(value);
    if (known != arrays.end())
      return known->second;
    std::optional<nn::ConstantView> view = nn::ConstantView::of(value);
    if (!view)
      llvm::report_fatal_error("a value that nothing computes");
    Array &array = arrays[value];
    array = Array(view->type().getShape());
    array.data = *view->values<double>();
    return array;
  }
  void set(Value value, Array array) { arrays[value] = std::move(array); }

  void run(Operation *op) {
    Array result = compute(op);
    arrays[op->getResult(0)] = std::move(result);
  }

private:
  Array compute(Operation *op);
  Array reshape(Operation *op, const Array &x);
  Array unary(Operation *op, llvm::function_ref<double(double)> f);
  Array binary(Operation *op, llvm::function_ref<double(double, double)> f);
  Array matmul(Value result, const Array &a, const Array &b);
  Array conv(nn::ConvOp op);
  template <typename Op> Array pool(Op op, bool maximum);
  Array attention(nn::AttentionOp op);
  Array softmax(Array x);
  Array norm(const Array &x, const Array &gain, const Array *bias,
             double epsilon, bool centered);
  template <typename Op> Array reduce(Op op, bool mean, bool maximum);
  Array concat(nn::ConcatOp op);

  llvm::DenseMap<Value, Array> arrays;
};

Array Interpreter::unary(Operation *op, llvm::function_ref<double(double)> f) {
  Array x = (*this)[op->getOperand(0)];
  for (double &element : x.data)
    element = f(element);
  return x;
}

Array Interpreter::binary(Operation *op,
                          llvm::function_ref<double(double, double)> f) {
  Array a = (*this)[op->getOperand(0)], b = (*this)[op->getOperand(1)];
  return make(op->getResult(0),
              [&](ArrayRef<int64_t> p) { return f(at(a, p), at(b, p)); });
}

Array Interpreter::reshape(Operation *op, const Array &x) {
  Array result = x;
  result.shape =
      cast<RankedTensorType>(op->getResult(0).getType()).getShape().vec();
  return result;
}

Array Interpreter::matmul(Value result, const Array &a, const Array &b) {
  return make(result, [&](Position p) {
    double sum = 0;
    Position left = p, right = p;
    for (int64_t k = 0; k < a.shape.back(); ++k) {
      left.back() = k, right[right.size() - 2] = k;
      sum += at(a, left) * at(b, right);
    }
    return sum;
  });
}

Array Interpreter::conv(nn::ConvOp op) {
  Array x = (*this)[op.getX()], f = (*this)[op.getFilter()];
  int64_t in = f.shape[3], out = f.shape[0] / int64_t(op.getGroups());
  return make(op.getResult(), [&](ArrayRef<int64_t> p) {
    double sum = 0;
    for (int64_t i = 0; i < f.shape[1]; ++i)
      for (int64_t j = 0; j < f.shape[2]; ++j) {
        int64_t y = p[1] * op.getStrides()[0] + i - op.getPads()[0];
        int64_t z = p[2] * op.getStrides()[1] + j - op.getPads()[1];
        if (y < 0 || y >= x.shape[1] || z < 0 || z >= x.shape[2])
          continue;
        for (int64_t c = 0; c < in; ++c)
          sum += x.data[flatOf({p[0], y, z, p[3] / out * in + c}, x.shape)] *
                 f.data[flatOf({p[3], i, j, c}, f.shape)];
      }
    return sum;
  });
}

template <typename Op> Array Interpreter::pool(Op op, bool maximum) {
  Array x = (*this)[op.getX()];
  return make(op.getResult(), [&](ArrayRef<int64_t> p) {
    double sum = 0, most = -HUGE_VAL;
    int64_t count = 0;
    for (int64_t i = 0; i < op.getKernel()[0]; ++i)
      for (int64_t j = 0; j < op.getKernel()[1]; ++j) {
        int64_t y = p[1] * op.getStrides()[0] + i - op.getPads()[0];
        int64_t z = p[2] * op.getStrides()[1] + j - op.getPads()[1];
        if (y < 0 || y >= x.shape[1] || z < 0 || z >= x.shape[2])
          continue;
        double element = x.data[flatOf({p[0], y, z, p[3]}, x.shape)];
        sum += element, most = std::max(most, element), ++count;
      }
    return maximum ? most : sum / double(count);
  });
}

Array Interpreter::softmax(Array x) {
  int64_t n = x.shape.back();
  for (int64_t row = 0; row < x.size(); row += n) {
    double most = -HUGE_VAL, sum = 0;
    for (int64_t i = 0; i < n; ++i)
      most = std::max(most, x.data[row + i]);
    for (int64_t i = 0; i < n; ++i)
      sum += x.data[row + i] = std::exp(x.data[row + i] - most);
    for (int64_t i = 0; i < n; ++i)
      x.data[row + i] /= sum;
  }
  return x;
}

Array Interpreter::attention(nn::AttentionOp op) {
  Array q = (*this)[op.getQ()], k = (*this)[op.getK()], v = (*this)[op.getV()];
  std::vector<int64_t> shape = q.shape;
  shape.back() = k.shape[k.rank() - 2];
  Array scores(shape);
  for (int64_t i = 0; i < scores.size(); ++i) {
    Position p = positionOf(i, shape), left = p, right = p;
    for (int64_t d = 0; d < q.shape.back(); ++d) {
      left.back() = d;
      right[right.size() - 2] = p.back(), right.back() = d;
      scores.data[i] += at(q, left) * at(k, right);
    }
    scores.data[i] *= op.getScale().convertToDouble();
    if (op.getMask())
      scores.data[i] += at((*this)[op.getMask()], p);
  }
  return matmul(op.getResult(), softmax(std::move(scores)), v);
}

Array Interpreter::norm(const Array &x, const Array &gain, const Array *bias,
                        double epsilon, bool centered) {
  Array result = x;
  int64_t n = x.shape.back();
  for (int64_t row = 0; row < x.size(); row += n) {
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n && centered; ++i)
      mean += x.data[row + i] / double(n);
    for (int64_t i = 0; i < n; ++i)
      squares += std::pow(x.data[row + i] - mean, 2) / double(n);
    for (int64_t i = 0; i < n; ++i)
      result.data[row + i] =
          (x.data[row + i] - mean) / std::sqrt(squares + epsilon) *
              gain.data[i] +
          (bias ? bias->data[i] : 0);
  }
  return result;
}

template <typename Op>
Array Interpreter::reduce(Op op, bool mean, bool maximum) {
  Array x = (*this)[op.getX()];
  std::vector<int64_t> kept = x.shape;
  int64_t count = 1;
  for (int64_t axis : op.getAxes())
    count *= kept[axis], kept[axis] = 1;
  Array result(kept, maximum ? -HUGE_VAL : 0);
  for (int64_t i = 0; i < x.size(); ++i) {
    Position p = positionOf(i, x.shape);
    for (int64_t axis : op.getAxes())
      p[axis] = 0;
    double &sum = result.data[flatOf(p, kept)];
    sum = maximum ? std::max(sum, x.data[i])
                  : sum + x.data[i] / (mean ? double(count) : 1);
  }
  return reshape(op, result);
}

Array Interpreter::concat(nn::ConcatOp op) {
  Array result(cast<RankedTensorType>(op.getResult().getType()).getShape());
  int64_t begin = 0;
  for (Value input : op.getInputs()) {
    const Array &part = (*this)[input];
    for (int64_t i = 0; i < part.size(); ++i) {
      Position p = positionOf(i, part.shape);
      p[op.getAxis()] += begin;
      result.data[flatOf(p, result.shape)] = part.data[i];
    }
    begin += part.shape[op.getAxis()];
  }
  return result;
}

Array Interpreter::compute(Operation *op) {
  auto operand = [&](unsigned i) -> Array { return (*this)[op->getOperand(i)]; };
  Value result = op->getResult(0);
  return llvm::TypeSwitch<Operation *, Array>(op)
      .Case([&](nn::AddOp) { return binary(op, [](double a, double b) { return a + b; }); })
      .Case([&](nn::SubOp) { return binary(op, [](double a, double b) { return a - b; }); })
      .Case([&](nn::MulOp) { return binary(op, [](double a, double b) { return a * b; }); })
      .Case([&](nn::DivOp) { return binary(op, [](double a, double b) { return a / b; }); })
      .Case([&](nn::MinOp) { return binary(op, [](double a, double b) { return std::min(a, b); }); })
      .Case([&](nn::MaxOp) { return binary(op, [](double a, double b) { return std::max(a, b); }); })
      .Case([&](nn::LessOp) { return binary(op, [](double a, double b) { return double(a < b); }); })
      .Case([&](nn::ReluOp) { return unary(op, [](double x) { return std::max(x, 0.0); }); })
      .Case([&](nn::LeakyReluOp leaky) {
        double alpha = leaky.getAlpha().convertToDouble();
        return unary(op, [=](double x) { return x >= 0 ? x : alpha * x; });
      })
      .Case([&](nn::ClipOp clip) {
        double lo = clip.getLo().convertToDouble(), hi = clip.getHi().convertToDouble();
        return unary(op, [=](double x) { return std::min(std::max(x, lo), hi); });
      })
      .Case([&](nn::NegOp) { return unary(op, [](double x) { return -x; }); })
      .Case([&](nn::AbsOp) { return unary(op, [](double x) { return std::abs(x); }); })
      .Case([&](nn::SigmoidOp) { return unary(op, [](double x) { return 1 / (1 + std::exp(-x)); }); })
      .Case([&](nn::SiluOp) { return unary(op, [](double x) { return x / (1 + std::exp(-x)); }); })
      .Case([&](nn::TanhOp) { return unary(op, [](double x) { return std::tanh(x); }); })
      .Case([&](nn::CosOp) { return unary(op, [](double x) { return std::cos(x); }); })
      .Case([&](nn::SinOp) { return unary(op, [](double x) { return std::sin(x); }); })
      .Case([&](nn::GeluOp) {
        return unary(op, [](double x) { return x / 2 * (1 + std::erf(x * std::sqrt(0.5))); });
      })
      .Case([&](nn::SelectOp) {
        Array c = operand(0), a = operand(1), b = operand(2);
        return make(result, [&](ArrayRef<int64_t> p) { return at(c, p) ? at(a, p) : at(b, p); });
      })
      .Case([&](nn::MatMulOp) { return matmul(result, operand(0), operand(1)); })
      .Case([&](nn::ConvOp conv) { return this->conv(conv); })
      .Case([&](nn::MaxPoolOp pool) { return this->pool(pool, true); })
      .Case([&](nn::AvgPoolOp pool) { return this->pool(pool, false); })
      .Case([&](nn::AttentionOp attention) { return this->attention(attention); })
      .Case([&](nn::SoftmaxOp) { return softmax(operand(0)); })
      .Case([&](nn::RMSNormOp norm) {
        return this->norm(operand(0), operand(1), nullptr, norm.getEpsilon().convertToDouble(), false);
      })
      .Case([&](nn::LayerNormOp norm) {
        Array bias = norm.getBias() ? (*this)[norm.getBias()] : Array();
        return this->norm(operand(0), operand(1), norm.getBias() ? &bias : nullptr,
                          norm.getEpsilon().convertToDouble(), true);
      })
      .Case([&](nn::ReduceMeanOp reduce) { return this->reduce(reduce, true, false); })
      .Case([&](nn::ReduceSumOp reduce) { return this->reduce(reduce, false, false); })
      .Case([&](nn::ReduceMaxOp reduce) { return this->reduce(reduce, false, true); })
      .Case([&](nn::CumSumOp sum) {
        Array x = operand(0);
        int64_t axis = sum.getAxis(), size = x.shape[axis];
        return make(result, [&](Position p) {
          double total = 0;
          int64_t end = p[axis];
          for (int64_t i = 0; i < size; ++i) {
            p[axis] = i;
            if (sum.getReverse() ? i >= end : i <= end)
              total += x.data[flatOf(p, x.shape)];
          }
          return total;
        });
      })
      .Case([&](nn::ReshapeOp) { return reshape(op, operand(0)); })
      .Case([&](nn::BroadcastToOp) {
        Array x = operand(0);
        return make(result, [&](ArrayRef<int64_t> p) { return at(x, p); });
      })
      .Case([&](nn::TransposeOp transpose) {
        Array x = operand(0);
        return make(result, [&](ArrayRef<int64_t> p) {
          Position from(p.size());
          for (auto [axis, source] : llvm::enumerate(transpose.getPerm()))
            from[source] = p[axis];
          return x.data[flatOf(from, x.shape)];
        });
      })
      .Case([&](nn::SliceOp slice) {
        Array x = operand(0);
        return make(result, [&](Position p) {
          for (size_t axis = 0; axis < p.size(); ++axis)
            p[axis] = slice.getStaticOffsets()[axis] + p[axis] * slice.getStrides()[axis];
          return x.data[flatOf(p, x.shape)];
        });
      })
      .Case([&](nn::ConcatOp concat) { return this->concat(concat); })
      .Case([&](nn::PadOp pad) { // With constants.
        Array x = operand(0);
        return make(result, [&](Position p) {
          for (size_t axis = 0; axis < p.size(); ++axis) {
            p[axis] -= pad.getLow()[axis];
            if (p[axis] < 0 || p[axis] >= x.shape[axis])
              return pad.getValue().convertToDouble();
          }
          return x.data[flatOf(p, x.shape)];
        });
      })
      .Case([&](nn::GatherOp gather) { // Axis 0.
        Array x = operand(0), indices = operand(1);
        return make(result, [&](ArrayRef<int64_t> p) {
          Position from{int64_t(indices.data[flatOf(p.take_front(indices.rank()), indices.shape)])};
          llvm::append_range(from, p.drop_front(indices.rank()));
          return x.data[flatOf(from, x.shape)];
        });
      })
      .Default([](Operation *unknown) -> Array {
        llvm::report_fatal_error("no arithmetic for " + unknown->getName().getStringRef());
      });
}

} // namespace

std::vector<Array> interpret(func::FuncOp function, ArrayRef<Array> inputs) {
  Interpreter interpreter;
  for (auto [argument, array] : llvm::zip(function.getArguments(), inputs))
    interpreter.set(argument, array);
  std::vector<Array> results;
  for (Operation &op : function.getBody().front()) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      continue;
    if (isa<func::ReturnOp>(op)) {
      for (Value value : op.getOperands())
        results.push_back(interpreter[value]);
      continue;
    }
    interpreter.run(&op);
  }
  return results;
}

} // namespace qopt
