// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The least a C program needs to run a model: every input is filled with
// zeros, open dimensions are as small as the model allows, and the first
// values of every output are printed.
//
//   embed model.qar

#include <qrt/qrt.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(qrt_status_t status) {
  fprintf(stderr, "embed: %s\n", qrt_status_message(status));
  int code = (int)qrt_status_code(status);
  qrt_status_free(status);
  return code;
}

static qrt_status_t set_zero_input(const qrt_model_t *model,
                                   qrt_context_t *context, uint32_t index) {
  qrt_port_info_t port;
  qrt_status_t status = qrt_model_input(model, index, &port);
  if (status)
    return status;
  size_t bytes = qrt_dtype_size(port.dtype);
  for (uint32_t axis = 0; axis < port.rank; ++axis) {
    if (port.shape[axis] < 0)
      port.shape[axis] = port.min[axis] > 1 ? port.min[axis] : 1;
    bytes *= (size_t)port.shape[axis];
  }
  void *zeros = calloc(bytes ? bytes : 1, 1);
  if (!zeros)
    abort();
  qrt_array_t array = {port.dtype, port.rank, port.shape, zeros, bytes};
  status = qrt_context_set_input(context, index, &array); // copies
  free(zeros);
  return status;
}

static qrt_status_t print_output(const qrt_model_t *model,
                                 qrt_context_t *context, uint32_t index) {
  qrt_port_info_t port;
  qrt_array_t array;
  qrt_status_t status = qrt_model_output(model, index, &port);
  if (!status)
    status = qrt_context_output(context, index, &array);
  if (status)
    return status;
  printf("%s: %s[", port.name, qrt_dtype_name(array.dtype));
  for (uint32_t axis = 0; axis < array.rank; ++axis)
    printf(axis ? "x%lld" : "%lld", (long long)array.shape[axis]);
  printf("]");
  if (array.dtype == QRT_DTYPE_F32)
    for (size_t i = 0; i < array.bytes / 4 && i < 8; ++i)
      printf(" %g", ((const float *)array.data)[i]);
  printf("\n");
  return NULL;
}

static qrt_status_t run(const qrt_model_t *model, qrt_context_t *context) {
  qrt_model_info_t info;
  qrt_model_info(model, &info);
  qrt_status_t status = NULL;
  for (uint32_t i = 0; !status && i < info.input_count; ++i)
    status = set_zero_input(model, context, i);
  if (!status)
    status = qrt_context_run(context);
  for (uint32_t i = 0; !status && i < info.output_count; ++i)
    status = print_output(model, context, i);
  return status;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: embed model.qar (libqrt %s)\n", qrt_version());
    return 2;
  }
  qrt_model_t *model;
  qrt_context_t *context = NULL;
  qrt_status_t status = qrt_model_open_file(argv[1], NULL, &model);
  if (!status)
    status = qrt_context_create(model, NULL, &context);
  if (!status)
    status = run(model, context);
  qrt_context_release(context);
  qrt_model_release(model);
  return status ? fail(status) : 0;
}
