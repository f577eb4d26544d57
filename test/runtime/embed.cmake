# Installs the component qrt of BUILD below SCRATCH, builds EXAMPLE as a user
# would, with another generator and nothing but C, and runs it.
function(run expected)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out
    ERROR_VARIABLE out)
  if(NOT code EQUAL expected)
    message(FATAL_ERROR "${ARGN}\nended with ${code}, not ${expected}:\n${out}")
  endif()
  set(output "${out}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
run(0 ${CMAKE_COMMAND} --install ${BUILD} --component qrt
  --prefix ${SCRATCH}/installed)
run(0 ${CMAKE_COMMAND} -S ${EXAMPLE} -B ${SCRATCH}/build
  -DCMAKE_C_COMPILER=${C_COMPILER}
  -DCMAKE_PREFIX_PATH=${SCRATCH}/installed)
run(0 ${CMAKE_COMMAND} --build ${SCRATCH}/build)
foreach(program embed embed_shared)
  run(2 ${SCRATCH}/build/${program})
  run(6 ${SCRATCH}/build/${program} ${SCRATCH}/missing.qar)
  if(ARTIFACT_MAKER)
    run(0 ${ARTIFACT_MAKER} ${SCRATCH}/test.qar)
    run(0 ${SCRATCH}/build/${program} ${SCRATCH}/test.qar)
    if(NOT output STREQUAL "y: f32[1x4] 2 4 6 8\n")
      message(FATAL_ERROR "${program} printed: ${output}")
    endif()
  endif()
endforeach()
