# Finds nvcc as CLIPK_CUDA asks, sets CLIPK_HAS_CUDA, and compiles the kernels.

set(CLIPK_HAS_CUDA OFF)
if(NOT CLIPK_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(CLIPK_HAS_CUDA ON)
  elseif(CLIPK_CUDA STREQUAL "ON")
    message(FATAL_ERROR "CLIPK_CUDA=ON: expected nvcc on the path or in CUDACXX, found none")
  endif()
endif()

if(CLIPK_HAS_CUDA)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    # Ampere, Ada and Hopper as machine code; the last also as PTX, for what comes after.
    set(CMAKE_CUDA_ARCHITECTURES 80-real 89-real 90)
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  # CMake 3.25 knows no C++20 for this nvcc and would silently fall back to C++17.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA_STANDARD 20)
  message(STATUS "clipk: CUDA ${CUDAToolkit_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "clipk: built without CUDA (CLIPK_CUDA=${CLIPK_CUDA}, no nvcc in use)")
endif()

function(clipk_add_cuda_kernels target)
  if(NOT CLIPK_HAS_CUDA)
    target_compile_definitions(${target} PRIVATE CLIPK_HAS_CUDA=0)
    return()
  endif()
  target_sources(${target} PRIVATE ${CLIPK_KERNEL_SOURCES})
  target_compile_definitions(${target} PRIVATE CLIPK_HAS_CUDA=1)
  # ptxas warns of every register spill. The launchers' host code contracts nothing, as elsewhere.
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-ffp-contract=off -Xptxas=--warn-on-spills
      $<$<BOOL:${CLIPK_WERROR}>:-Werror=all-warnings -Xptxas=--warning-as-error>>)
  target_link_libraries(${target} PRIVATE CUDA::cudart_static CUDA::cublasLt CUDA::cufft)
endfunction()
