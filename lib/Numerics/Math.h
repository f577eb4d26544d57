// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementary functions of f32 and f64 with a stated result: the same bits on
// every machine, in the compiler's folds, in naive code and in vector code. Each
// is within 2 ULP of the exact value where nothing else is said (see MathTest).
// NaN inputs return themselves.

#ifndef QOPT_NUMERICS_MATH_H
#define QOPT_NUMERICS_MATH_H

namespace qopt::numerics {

float exp(float x);
float log(float x);
float erf(float x);
float tanh(float x);
/// 1 / (1 + e^-x).
float sigmoid(float x);
/// Accurate for |x| <= 2^48; larger arguments count as 0.
float sin(float x);
float cos(float x);
/// Special values as C's powf.
float pow(float x, float y);
float asin(float x);
float acos(float x);
float atan(float x);
float sinh(float x);
float cosh(float x);
float asinh(float x);
float acosh(float x);
float atanh(float x);
/// Of f64; each within 2 ULP, the inverse circular and the hyperbolic ones 3.
double exp(double x);
double log(double x);
double erf(double x);
double tanh(double x);
double sigmoid(double x);
/// Accurate for |x| <= 2^48; larger arguments count as 0.
double sin(double x);
double cos(double x);
/// Special values as C's pow.
double pow(double x, double y);
double asin(double x);
double acos(double x);
double atan(double x);
double sinh(double x);
double cosh(double x);
double asinh(double x);
double acosh(double x);
double atanh(double x);
/// C's fmod.
float remainder(float x, float y);
double remainder(double x, double y);

} // namespace qopt::numerics

#endif // QOPT_NUMERICS_MATH_H
