// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libqrt: runs qopt artifacts (.qar).
//
//   qrt_model_t *model;
//   qrt_context_t *context;
//   qrt_status_t status = qrt_model_open_file("model.qar", NULL, &model);
//   if (!status) status = qrt_context_create(model, NULL, &context);
//   if (!status) status = qrt_context_set_input(context, 0, &image);
//   if (!status) status = qrt_context_run(context);
//   if (!status) status = qrt_context_output(context, 0, &scores);
//   if (status) { fputs(qrt_status_message(status), stderr); ... }
//
// A model is immutable and may be shared by threads; a context belongs to one
// thread at a time and keeps its model alive. Nothing here aborts, throws or
// keeps global state. An artifact contains native code: a damaged one is
// detected, a malicious one is not. Trust it as you trust a shared library.
//
// Options structs start with |size|, set by their _init function, so that
// programs compiled against an older header keep working.

#ifndef QRT_QRT_H
#define QRT_QRT_H

#include "qrt/format.h"
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define QRT_API
#else
#define QRT_API __attribute__((visibility("default")))
#endif

//===----------------------------------------------------------------------===//
// Status
//===----------------------------------------------------------------------===//

// The numbers are the exit codes of the command line tools.
typedef enum {
  QRT_OK = 0,
  QRT_INTERNAL = 1,  // a defect of the runtime
  QRT_USAGE = 2,     // the call makes no sense here
  QRT_BAD_INPUT = 3, // name, type, shape or size of an input
  QRT_RESOURCES = 5, // memory, threads, or no code for this CPU
  QRT_IO = 6,        // a file cannot be read
  QRT_INTEGRITY = 7, // the artifact is damaged or not an artifact
} qrt_code_t;

// NULL is success. Any other value carries a message and is released with
// qrt_status_free.
typedef struct qrt_status *qrt_status_t;

QRT_API qrt_code_t qrt_status_code(qrt_status_t status);
// Valid until the status is freed; "" for success.
QRT_API const char *qrt_status_message(qrt_status_t status);
QRT_API void qrt_status_free(qrt_status_t status);

// "0.1.0".
QRT_API const char *qrt_version(void);
// "f32", "u8", ...; "?" for a number that is no type.
QRT_API const char *qrt_dtype_name(qrt_dtype_t dtype);
// Bytes of an element; 0 for a number that is no type.
QRT_API size_t qrt_dtype_size(qrt_dtype_t dtype);

//===----------------------------------------------------------------------===//
// Hooks
//===----------------------------------------------------------------------===//

// Where the runtime gets its memory. |allocate| returns NULL when there is
// none; |alignment| is a power of two. The default is aligned_alloc.
typedef struct {
  void *self;
  void *(*allocate)(void *self, size_t size, size_t alignment);
  void (*release)(void *self, void *memory, size_t size);
} qrt_allocator_t;

// Threads of the caller in place of our own. |parallel| calls |task|(argument,
// i) once for every i below |count|, on any threads, and returns when all have
// returned; tasks never wait for each other.
typedef struct {
  void *self;
  uint32_t concurrency; // how many tasks make sense at once
  void (*parallel)(void *self, uint32_t count,
                   void (*task)(void *argument, uint32_t index),
                   void *argument);
} qrt_executor_t;

// A dense row-major array. |shape| has |rank| entries, |data| |bytes| bytes.
typedef struct {
  qrt_dtype_t dtype;
  uint32_t rank;
  const int64_t *shape;
  void *data;
  size_t bytes;
} qrt_array_t;

// Called in program order, on the thread that runs the context. |data| may be
// written to by the tap (fake quantization), not by the trace.
// |name|: the key of the tap; of a trace, the tensor. |command|: its index.
typedef void (*qrt_tensor_hook_t)(void *self, uint32_t command,
                                  const char *name, const qrt_array_t *array);

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

typedef struct qrt_model qrt_model_t;

typedef struct {
  const void *data;
  size_t size;
} qrt_span_t;

typedef enum {
  QRT_VERIFY_AT_OPEN = 0,      // read and hash every section now
  QRT_VERIFY_AT_FIRST_RUN = 1, // weights at the first run; tables and the code
                               // in use at open, other sections never
} qrt_verify_t;

typedef struct {
  size_t size;
  qrt_allocator_t allocator; // allocate NULL: the default
  qrt_verify_t verify;
  const char *isa;           // NULL: the best that the CPU supports
} qrt_model_options_t;

QRT_API void qrt_model_options_init(qrt_model_options_t *options);

// Opens an artifact held in |bytes|, which the caller keeps alive and unchanged
// until the model is released (weights are used in place if 64-byte aligned).
// |options| may be NULL. On failure *out_model is NULL and the status names the
// offending section.
QRT_API qrt_status_t qrt_model_open(qrt_span_t bytes,
                                    const qrt_model_options_t *options,
                                    qrt_model_t **out_model);
// Maps |path|. The file must not be truncated while the model is open; replace
// it by renaming, as qopt does.
QRT_API qrt_status_t qrt_model_open_file(const char *path,
                                         const qrt_model_options_t *options,
                                         qrt_model_t **out_model);
// Drops the caller's reference; contexts hold their own. NULL is fine.
QRT_API void qrt_model_release(qrt_model_t *model);

// Strings and spans below live as long as the model.
typedef struct {
  const char *name;
  const char *producer;
  const char *isa;    // of the code in use; "" if the model has no code
  qrt_span_t lineage; // JSON, may be empty
  uint64_t file_bytes;
  uint64_t weight_bytes;
  uint64_t code_bytes;
  uint32_t input_count;
  uint32_t output_count;
  uint32_t tensor_count;
  uint32_t kernel_count;
  uint32_t command_count;
  uint32_t isa_count; // CODE sections
} qrt_model_info_t;

QRT_API void qrt_model_info(const qrt_model_t *model,
                            qrt_model_info_t *out_info);
// Name of the |index|-th CODE section; NULL beyond the last.
QRT_API const char *qrt_model_isa(const qrt_model_t *model, uint32_t index);

typedef struct {
  const char *name;
  qrt_dtype_t dtype;
  uint32_t rank;
  int64_t shape[QRT_MAX_RANK];       // -1 where it depends on the inputs
  const char *symbols[QRT_MAX_RANK]; // name of a free dimension or ""
  int64_t min[QRT_MAX_RANK];         // its range
  int64_t max[QRT_MAX_RANK];
} qrt_port_info_t;

QRT_API qrt_status_t qrt_model_input(const qrt_model_t *model, uint32_t index,
                                     qrt_port_info_t *out_info);
QRT_API qrt_status_t qrt_model_output(const qrt_model_t *model, uint32_t index,
                                      qrt_port_info_t *out_info);
// Index by name. The message of a failure lists the names there are.
QRT_API qrt_status_t qrt_model_find_input(const qrt_model_t *model,
                                          const char *name,
                                          uint32_t *out_index);
QRT_API qrt_status_t qrt_model_find_output(const qrt_model_t *model,
                                           const char *name,
                                           uint32_t *out_index);

typedef struct {
  qrt_command_kind_t kind;
  const char *name;        // ONNX node or tap key
  const char *kernel;      // "" unless it launches one
  const char *description; // of the kernel
} qrt_command_info_t;

QRT_API qrt_status_t qrt_model_command(const qrt_model_t *model, uint32_t index,
                                       qrt_command_info_t *out_info);

//===----------------------------------------------------------------------===//
// Context
//===----------------------------------------------------------------------===//

typedef struct qrt_context qrt_context_t;

typedef struct {
  size_t size;
  uint32_t threads;          // 0: all CPUs this process may use
  qrt_allocator_t allocator; // allocate NULL: the model's
  qrt_executor_t executor;   // parallel NULL: threads of our own
  // Iterations that all loops of a run may take together, then it fails with
  // QRT_RESOURCES; 0: any number. A model's loop need not end.
  uint64_t iteration_limit;
} qrt_context_options_t;

QRT_API void qrt_context_options_init(qrt_context_options_t *options);

// |options| may be NULL.
QRT_API qrt_status_t qrt_context_create(qrt_model_t *model,
                                        const qrt_context_options_t *options,
                                        qrt_context_t **out_context);
QRT_API void qrt_context_release(qrt_context_t *context);

// Copies |array|. Inputs stay set from run to run.
QRT_API qrt_status_t qrt_context_set_input(qrt_context_t *context,
                                           uint32_t index,
                                           const qrt_array_t *array);
// Uses |array->data| in place during every run until the input is set again. It
// must be 64-byte aligned.
QRT_API qrt_status_t qrt_context_borrow_input(qrt_context_t *context,
                                              uint32_t index,
                                              const qrt_array_t *array);
// Results of output |index| go to |data|, 64-byte aligned, of |bytes| bytes; a
// run fails where that is too little. NULL goes back to memory of the context.
QRT_API qrt_status_t qrt_context_borrow_output(qrt_context_t *context,
                                               uint32_t index, void *data,
                                               size_t bytes);
// Replaces the constant tensor |name| in this context by |data|, 64-byte
// aligned and kept alive by the caller; NULL restores it. |bytes| must match.
QRT_API qrt_status_t qrt_context_set_weight(qrt_context_t *context,
                                            const char *name, const void *data,
                                            size_t bytes);

// Runs the program. Fails without running when an input is missing or shapes
// contradict each other.
QRT_API qrt_status_t qrt_context_run(qrt_context_t *context);
// Shape and data of an output of the last run; valid until the next run.
QRT_API qrt_status_t qrt_context_output(qrt_context_t *context, uint32_t index,
                                        qrt_array_t *out_array);

// NULL removes a hook.
QRT_API void qrt_context_set_tap(qrt_context_t *context, qrt_tensor_hook_t hook,
                                 void *self);
// Called for every tensor a command has written, right after it.
QRT_API void qrt_context_set_trace(qrt_context_t *context,
                                   qrt_tensor_hook_t hook, void *self);

// Timing of single commands; off at first, costs two clock reads a command.
QRT_API void qrt_context_set_profiling(qrt_context_t *context, int enabled);

typedef struct {
  uint64_t nanoseconds; // in the last run
  uint64_t bytes;       // of all operands
  uint64_t work;        // arithmetic operations; 0 if unknown
  int64_t units;
} qrt_profile_t;

QRT_API qrt_status_t qrt_context_profile(const qrt_context_t *context,
                                         uint32_t command,
                                         qrt_profile_t *out_profile);

typedef struct {
  uint32_t threads;
  uint64_t runs;
  uint64_t arena_bytes;   // temporaries, shared by lifetime
  uint64_t scratch_bytes; // of all threads
  uint64_t io_bytes;      // inputs and outputs held by the context
  uint64_t plans;         // sets of input shapes in the cache
} qrt_context_stats_t;

QRT_API void qrt_context_stats(const qrt_context_t *context,
                               qrt_context_stats_t *out_stats);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // QRT_QRT_H
