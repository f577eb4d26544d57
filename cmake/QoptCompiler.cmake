# MLIR, ONNX and the functions with which each room of the compiler declares
# itself. A room globs its sources: adding a file needs no CMake edit.

# MLIR's package rejects a version argument, hence the hint.
find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
# Protobuf first: ONNX's package file expects its targets.
find_package(Protobuf REQUIRED)
find_package(ONNX REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(Threads REQUIRED)

list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
# Before HandleLLVMOptions: protobuf and ONNX throw.
set(LLVM_ENABLE_EH ON)
set(LLVM_ENABLE_RTTI ON)
include(HandleLLVMOptions)

# mlir_tablegen reads the folder's include directories.
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
include_directories(${PROJECT_SOURCE_DIR})

set(QOPT_INCLUDES ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}
  ${PROJECT_SOURCE_DIR}/include)

# One precompiled header of MLIR's core serves every room that sees MLIR.
add_library(qoptPCH OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch.cpp)
target_include_directories(qoptPCH SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_precompile_headers(qoptPCH PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)
target_compile_options(qoptPCH PRIVATE "SHELL:-Xclang -fno-pch-timestamp" -Wall)

# qopt_add_library(name [DEPENDS lib...] [NO_MLIR] [PCH_OFF])
# Every .cpp of the folder. NO_MLIR: the room sees neither LLVM nor MLIR IR.
function(qopt_add_library name)
  cmake_parse_arguments(ARG "NO_MLIR;PCH_OFF" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARG_DEPENDS})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${QOPT_INCLUDES})
  target_compile_options(${name} PRIVATE -Wall)
  if(ARG_NO_MLIR)
    target_link_libraries(${name} PUBLIC ${ARG_DEPENDS})
  else()
    target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
    target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} MLIR LLVM)
    if(NOT ARG_PCH_OFF)
      target_precompile_headers(${name} REUSE_FROM qoptPCH)
      target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    endif()
  endif()
endfunction()

# qopt_add_tool(name [DEPENDS lib...])
function(qopt_add_tool name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  add_executable(${name} ${sources})
  target_include_directories(${name} PUBLIC ${QOPT_INCLUDES})
  target_include_directories(${name} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} MLIR LLVM)
endfunction()

# qopt_add_dialect(NN): tablegen of dialects/NN/NN*.td into the build tree.
function(qopt_add_dialect dialect namespace)
  set(LLVM_TARGET_DEFINITIONS ${dialect}Ops.td)
  mlir_tablegen(${dialect}Ops.h.inc -gen-op-decls)
  mlir_tablegen(${dialect}Ops.cpp.inc -gen-op-defs)
  mlir_tablegen(${dialect}Types.h.inc -gen-typedef-decls -typedefs-dialect=${namespace})
  mlir_tablegen(${dialect}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${namespace})
  mlir_tablegen(${dialect}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${namespace})
  mlir_tablegen(${dialect}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${namespace})
  mlir_tablegen(${dialect}Enums.h.inc -gen-enum-decls)
  mlir_tablegen(${dialect}Enums.cpp.inc -gen-enum-defs)
  mlir_tablegen(${dialect}Dialect.h.inc -gen-dialect-decls -dialect=${namespace})
  mlir_tablegen(${dialect}Dialect.cpp.inc -gen-dialect-defs -dialect=${namespace})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${dialect}Interfaces.td)
    set(LLVM_TARGET_DEFINITIONS ${dialect}Interfaces.td)
    mlir_tablegen(${dialect}Interfaces.h.inc -gen-op-interface-decls)
    mlir_tablegen(${dialect}Interfaces.cpp.inc -gen-op-interface-defs)
  endif()
  add_public_tablegen_target(qopt${dialect}IncGen)
endfunction()

# qopt_add_passes(Simplify): tablegen of passes/Simplify/Passes.td.
function(qopt_add_passes phase)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name ${phase})
  add_public_tablegen_target(qopt${phase}PassIncGen)
  qopt_add_library(qopt${phase} DEPENDS ${ARG_DEPENDS})
  add_dependencies(qopt${phase} qopt${phase}PassIncGen)
endfunction()

# qopt_add_unittest(name [DEPENDS lib...]): every *Test.cpp of the folder.
function(qopt_add_unittest name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  find_package(GTest REQUIRED)
  file(GLOB sources CONFIGURE_DEPENDS *Test.cpp)
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${QOPT_INCLUDES})
  target_include_directories(${name} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
