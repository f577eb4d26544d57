# Targets that must not see LLVM: the runtime library and its command line.

# qopt_add_runtime_library(name [DEPENDS lib...]): every .c/.cpp of this folder.
function(qopt_add_runtime_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp *.c)
  add_library(${name} STATIC ${sources})
  target_include_directories(${name}
    PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE -fno-exceptions -fno-rtti -Wall
    -Wextra -ffunction-sections -fdata-sections)
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS})
endfunction()
