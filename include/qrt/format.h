// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The artifact format (.qar): what the compiler writes and the runtime reads.
// This file is the only definition; docs/artifact-format.md explains it in
// prose. Everything is little-endian, fixed-layout and addressed by offsets,
// so that a reader may map the file and validate it without parsing.
//
//   0      qrt_header_t                      64 bytes
//   64     qrt_section_t[section_count]      80 bytes each, all in the 1st page
//   4096   section 0                         every section starts on a page
//   ...    zero bytes up to the next page
//   ...    section 1 ...                     the file ends with the last one
//
// Sections are sorted by (kind, name), without holes: the offset of a section
// is the end of its predecessor rounded up to a page. Growth: a reader accepts
// only its own |version|; within a version, structs grow at their end (every
// table states its stride) and unknown section kinds are skipped.

#ifndef QRT_FORMAT_H
#define QRT_FORMAT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define QRT_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define QRT_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

#define QRT_FORMAT_VERSION 1u
// "\x89QAR\r\n\x1a\n": not text, and damaged by any newline translation.
#define QRT_MAGIC "\x89QAR\r\n\x1a\n"
#define QRT_PAGE_SIZE 4096u
// Weights, temporaries and every kernel operand are aligned to this.
#define QRT_DATA_ALIGNMENT 64u
// "No such thing" for any 32-bit id, "no such entry point" for any offset.
#define QRT_NONE 0xffffffffu
#define QRT_NO_ENTRY UINT64_MAX
#define QRT_MAX_RANK 16u
#define QRT_MAX_SECTIONS 50u
#define QRT_MAX_PROGRAMS 4096u
// Programs that run programs that run ...
#define QRT_MAX_NESTING 64u

// XXH3-128, low half first.
typedef struct {
  uint64_t low;
  uint64_t high;
} qrt_hash_t;

//===----------------------------------------------------------------------===//
// Header and sections
//===----------------------------------------------------------------------===//

typedef struct {
  uint8_t magic[8];            // QRT_MAGIC
  uint32_t version;            // QRT_FORMAT_VERSION
  uint32_t header_size;        // 64
  uint64_t file_size;          // end of the last section
  uint32_t section_count;      // 1 ... QRT_MAX_SECTIONS
  uint32_t section_entry_size; // 80
  uint64_t reserved[2];        // 0
  // Of header bytes 0 ... 47 followed by the section entries. The entries hold
  // the hashes of the sections, so this one names the whole file.
  qrt_hash_t hash;
} qrt_header_t;
QRT_STATIC_ASSERT(sizeof(qrt_header_t) == 64, "qrt_header_t layout");

typedef enum {
  QRT_SECTION_TABLES = 1,  // exactly one; starts with qrt_tables_t
  QRT_SECTION_WEIGHTS = 2, // at most one; bytes, addressed by storages
  QRT_SECTION_CODE = 3,    // one an ISA, named like it
  QRT_SECTION_LINEAGE = 4, // at most one; JSON for people
} qrt_section_kind_t;

typedef struct {
  uint32_t kind;      // qrt_section_kind_t
  uint32_t flags;     // 0
  uint64_t offset;    // in the file, multiple of QRT_PAGE_SIZE
  uint64_t size;      // bytes that follow and are hashed
  uint64_t text_size; // CODE: size of the executable prefix, a multiple of
                      // QRT_PAGE_SIZE; read-only data follows. Else 0.
  qrt_hash_t hash;    // of the |size| bytes
  // CODE: the ISA ("x86-64-v3", "avx512-vnni", ...), NUL-padded. A reader
  // skips ISAs it does not know. Other kinds: empty.
  char name[32];
} qrt_section_t;
QRT_STATIC_ASSERT(sizeof(qrt_section_t) == 80, "qrt_section_t layout");

//===----------------------------------------------------------------------===//
// The TABLES section
//===----------------------------------------------------------------------===//

// |count| entries of |stride| bytes each, |offset| bytes into the section, a
// multiple of 8. A reader accepts any stride that is at least its own struct's
// size and a multiple of 8; |strings| and |ids| have stride 1 and 4.
typedef struct {
  uint64_t offset;
  uint32_t count;
  uint32_t stride;
} qrt_table_t;
QRT_STATIC_ASSERT(sizeof(qrt_table_t) == 16, "qrt_table_t layout");

// Names below ("string") are byte offsets into |strings|, of NUL-terminated
// UTF-8; offset 0 is the empty string. "ids" are ranges of |ids|.
typedef struct {
  uint32_t version;        // QRT_FORMAT_VERSION
  uint32_t size;           // sizeof(qrt_tables_t) of the writer
  uint32_t model_name;     // string
  uint32_t producer;       // string, e.g. "qopt 0.1.0"
  qrt_table_t strings;     // bytes; first and last byte are NUL
  qrt_table_t ids;         // uint32_t: lists that other tables point into
  qrt_table_t exprs;       // qrt_expr_t
  qrt_table_t tensors;     // qrt_tensor_t
  qrt_table_t storages;    // qrt_storage_t
  qrt_table_t inputs;      // qrt_port_t
  qrt_table_t outputs;     // qrt_port_t
  qrt_table_t symbols;     // qrt_symbol_t
  qrt_table_t kernels;     // qrt_kernel_t
  qrt_table_t entries;     // qrt_kernel_entry_t
  qrt_table_t commands;    // qrt_command_t
  qrt_table_t programs;    // qrt_program_t; empty in the tables of one
  qrt_table_t reserved[4]; // zero: state, devices
} qrt_tables_t;
QRT_STATIC_ASSERT(sizeof(qrt_tables_t) == 272, "qrt_tables_t layout");

// A sub-program: what a BRANCH or LOOP command runs. The main program is number
// 0, the i-th row is number i + 1. Its bytes are tables of their own: a
// qrt_tables_t whose offsets count from |offset|, with its own expressions,
// tensors, inputs, outputs, kernels and commands. Weights and code are shared.
typedef struct {
  uint64_t offset; // into the section, a multiple of 8
  uint64_t size;   // bytes
} qrt_program_t;
QRT_STATIC_ASSERT(sizeof(qrt_program_t) == 16, "qrt_program_t layout");

// Integer expressions over the shapes of the inputs, as a list in SSA order:
// operands are ids of earlier entries. All arithmetic is signed 64-bit and
// checked: overflow or division by zero makes the value invalid; using an
// invalid value is an error, unless SELECT discards it.
//
// ELEMENT and RESULT_DIM read what commands computed. They, and whatever is
// computed from them, are known only once those commands have run; a command
// may use only what is known before it. Every other expression is known from
// the shapes of the inputs alone.
typedef enum {
  QRT_EXPR_CONST = 1,    // value
  QRT_EXPR_DIM = 2,      // size of axis |b| of input number |a|
  QRT_EXPR_ADD = 3,      // a + b
  QRT_EXPR_SUB = 4,      // a - b
  QRT_EXPR_MUL = 5,      // a * b
  QRT_EXPR_FLOORDIV = 6, // a / b towards minus infinity
  QRT_EXPR_CEILDIV = 7,  // a / b towards plus infinity
  QRT_EXPR_MOD = 8,      // a - b * floordiv(a, b)
  QRT_EXPR_MAX = 9,      // max(a, b)
  QRT_EXPR_MIN = 10,     // min(a, b)
  QRT_EXPR_EQ = 11,      // a == b ? 1 : 0, and so on
  QRT_EXPR_NE = 12,
  QRT_EXPR_LT = 13,
  QRT_EXPR_LE = 14,
  QRT_EXPR_SELECT = 15, // a != 0 ? b : c
  // Element |b| of tensor |a|, of an integer or boolean type, after the last
  // command that writes its storage. The tensor's dimensions, offset and
  // storage size are earlier entries.
  QRT_EXPR_ELEMENT = 16,
  // Size of axis |b| of tensor |a|, a result of a BRANCH or LOOP command.
  QRT_EXPR_RESULT_DIM = 17,
} qrt_expr_op_t;

typedef struct {
  uint32_t op; // qrt_expr_op_t
  uint32_t a;
  uint32_t b;
  uint32_t c;
  int64_t value;
} qrt_expr_t;
QRT_STATIC_ASSERT(sizeof(qrt_expr_t) == 24, "qrt_expr_t layout");

typedef enum {
  QRT_DTYPE_F32 = 1,
  QRT_DTYPE_F16 = 2,
  QRT_DTYPE_BF16 = 3,
  QRT_DTYPE_F64 = 4,
  QRT_DTYPE_I8 = 5,
  QRT_DTYPE_U8 = 6,
  QRT_DTYPE_I16 = 7,
  QRT_DTYPE_U16 = 8,
  QRT_DTYPE_I32 = 9,
  QRT_DTYPE_U32 = 10,
  QRT_DTYPE_I64 = 11,
  QRT_DTYPE_U64 = 12,
  QRT_DTYPE_BOOL = 13,   // one byte, 0 or 1
  QRT_DTYPE_OPAQUE = 14, // packed bytes; the shape is [bytes]
  // One element a byte: integers extended to it, floats as codes. The floats
  // are OCP's e4m3fn, e5m2, e2m1 and e8m0; "fnuz" have one zero and one NaN.
  QRT_DTYPE_I4 = 15,
  QRT_DTYPE_U4 = 16,
  QRT_DTYPE_I2 = 17,
  QRT_DTYPE_U2 = 18,
  QRT_DTYPE_F8E4M3FN = 19,
  QRT_DTYPE_F8E4M3FNUZ = 20,
  QRT_DTYPE_F8E5M2 = 21,
  QRT_DTYPE_F8E5M2FNUZ = 22,
  QRT_DTYPE_F8E8M0 = 23,
  QRT_DTYPE_F4E2M1 = 24,
} qrt_dtype_t;

// A dense row-major array somewhere in a storage.
typedef struct {
  uint32_t name;     // string: the ONNX value name where there is one
  uint32_t dtype;    // qrt_dtype_t
  uint32_t rank;     // 0 ... QRT_MAX_RANK
  uint32_t dims;     // first of |rank| expression ids in |ids|
  uint32_t storage;  // storage id
  uint32_t offset;   // expression id: bytes into the storage, a multiple of
                     // QRT_DATA_ALIGNMENT; or QRT_NONE for 0
  uint32_t flags;    // 0
  uint32_t reserved; // 0
} qrt_tensor_t;
QRT_STATIC_ASSERT(sizeof(qrt_tensor_t) == 32, "qrt_tensor_t layout");

typedef enum {
  QRT_STORAGE_INPUT = 1,  // memory of an input, read-only
  QRT_STORAGE_OUTPUT = 2, // memory of an output
  QRT_STORAGE_WEIGHT = 3, // a range of the WEIGHTS section, read-only
  QRT_STORAGE_TEMP = 4,   // in the arena, alive first_use ... last_use
  QRT_STORAGE_STATE = 5,  // reserved: survives a run
  QRT_STORAGE_RESULT = 6, // what a sub-program left, read-only
} qrt_storage_kind_t;

typedef struct {
  uint32_t kind;          // qrt_storage_kind_t
  uint32_t bytes;         // expression id
  uint32_t first_use;     // TEMP: first command that touches it;
                          // RESULT: the BRANCH or LOOP it comes from
  uint32_t last_use;      // TEMP: last command that touches it, inclusive
  uint64_t weight_offset; // WEIGHT: into the section, 64-byte aligned
  uint64_t weight_size;   // WEIGHT: bytes
  uint32_t index;         // INPUT, OUTPUT, RESULT: number of the input,
                          // output or result
  uint32_t flags;         // 0
  uint64_t reserved;      // 0
} qrt_storage_t;
QRT_STATIC_ASSERT(sizeof(qrt_storage_t) == 48, "qrt_storage_t layout");

// An input or output of the model, in the order of the ONNX graph. An input's
// tensor states its contract: a dimension that is DIM(this input, this axis)
// is free, any other expression must equal what the caller passes.
typedef struct {
  uint32_t name;     // string
  uint32_t tensor;   // tensor id; its storage has kind INPUT or OUTPUT
  uint32_t flags;    // 0
  uint32_t reserved; // 0
} qrt_port_t;
QRT_STATIC_ASSERT(sizeof(qrt_port_t) == 16, "qrt_port_t layout");

// Name and declared range of a free dimension; the runtime enforces the range.
typedef struct {
  uint32_t input;
  uint32_t axis;
  uint32_t name;     // string, e.g. "batch"
  uint32_t reserved; // 0
  int64_t min;       // inclusive
  int64_t max;       // inclusive
} qrt_symbol_t;
QRT_STATIC_ASSERT(sizeof(qrt_symbol_t) == 32, "qrt_symbol_t layout");

// A compiled kernel. Its entry points for the i-th CODE section (in file
// order) are entries[first_entry + i].
typedef struct {
  uint32_t name;          // string
  uint32_t description;   // string for people: ops, formats, arithmetic
  uint32_t first_entry;   // index into |entries|
  uint32_t operand_count; // pointers it takes, inputs then outputs
  uint32_t input_count;   // how many of them it only reads
  uint32_t dims_count;    // int64 dims it takes
  uint32_t flags;         // 0
  uint32_t reserved;      // 0
} qrt_kernel_t;
QRT_STATIC_ASSERT(sizeof(qrt_kernel_t) == 32, "qrt_kernel_t layout");

// Byte offsets into the code image, below text_size; all three QRT_NO_ENTRY
// where an ISA lacks the kernel. Types: qrt_kernel_run_t and below.
typedef struct {
  uint64_t run;
  uint64_t units;
  uint64_t scratch;
  uint64_t reserved; // 0
} qrt_kernel_entry_t;
QRT_STATIC_ASSERT(sizeof(qrt_kernel_entry_t) == 32,
                  "qrt_kernel_entry_t layout");

typedef enum {
  QRT_COMMAND_LAUNCH = 1, // run |kernel| over all its units
  QRT_COMMAND_TAP = 2,    // hand operand 0 to the tap hook, if there is one
  QRT_COMMAND_COPY = 3,   // operand 0 -> operand 1, same bytes
  // Runs program |target| if dims[0] is not 0, else program |other|. Operands:
  // the program's inputs, then its results.
  QRT_COMMAND_BRANCH = 4,
  // Runs program |target| while its number of runs is below dims[0] and the
  // condition, at first dims[1], is not 0. Inputs of the program: number of the
  // run (i64 scalar), condition (bool scalar), |other| carried values, captured
  // values; outputs: the next condition, the next carried values, scan outputs.
  // Operands: the first carried values and the captured ones, then the results:
  // the last carried values, and all scan outputs stacked on a new first axis.
  QRT_COMMAND_LOOP = 5,
  QRT_COMMAND_STATE = 6, // reserved
} qrt_command_kind_t;

typedef struct {
  uint32_t kind;          // qrt_command_kind_t
  uint32_t kernel;        // LAUNCH: kernel id; else QRT_NONE
  uint32_t operands;      // first of |operand_count| tensor ids in |ids|:
  uint32_t operand_count; //   the kernel's inputs, then its outputs
  uint32_t dims;          // first of |dims_count| expression ids in |ids|
  uint32_t dims_count;
  uint32_t name;     // string: the ONNX node for profiles; TAP: its key
  uint32_t work;     // expression id: arithmetic operations, for
                     // profiles; or QRT_NONE
  uint32_t target;   // BRANCH, LOOP: number of the program, greater than
                     // that of this program; else QRT_NONE
  uint32_t flags;    // 0
  uint32_t other;    // BRANCH: number of the other program; LOOP: how many
                     // values are carried; else 0
  uint32_t input_count; // BRANCH, LOOP: how many operands are inputs; else 0
} qrt_command_t;
QRT_STATIC_ASSERT(sizeof(qrt_command_t) == 48, "qrt_command_t layout");

//===----------------------------------------------------------------------===//
// What a code image offers
//===----------------------------------------------------------------------===//

// Computes units |begin| <= u < |end|. Distinct ranges may run on distinct
// threads; results do not depend on how the range is cut. |operands|: 64-byte
// aligned. |dims|: every dynamic dimension of every operand, in order.
// |scratch|: what qrt_kernel_scratch_t asked for, private to the thread.
typedef void (*qrt_kernel_run_t)(void *const *operands, const int64_t *dims,
                                 int64_t begin, int64_t end, void *scratch);
// Number of independent units of work, at least 0; -1 where the dims contradict
// each other.
typedef int64_t (*qrt_kernel_units_t)(const int64_t *dims);
// Bytes of 64-byte aligned scratch memory per thread, at least 0.
typedef int64_t (*qrt_kernel_scratch_t)(const int64_t *dims);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // QRT_FORMAT_H
