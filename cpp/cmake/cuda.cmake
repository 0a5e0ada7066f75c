# EIGENWELL_CUDA: build eigenwell._cuda, the kernels for NVIDIA GPUs.
#
#   ON     yes, and it is an error if that cannot be done
#   OFF    no
#   AUTO   yes if there is an nvcc that works, in a build by pip too. Without one, or with half a
#          toolkit, the build goes on and says why there are no kernels for GPUs
#
# With pip: `pip install . -C cmake.define.EIGENWELL_CUDA=OFF`.
#
# Architectures are listed, never detected: code for 8.0 (A100) and 9.0 (H100, H200), and PTX from
# which the driver makes code for whatever comes later. The CUDA runtime is linked statically: the
# extension needs the driver alone, loads without one, and lives beside any torch.
set(EIGENWELL_CUDA AUTO CACHE STRING "Build the CUDA extension: AUTO, ON or OFF")
set_property(CACHE EIGENWELL_CUDA PROPERTY STRINGS AUTO ON OFF)

set(build_cuda OFF)
if(NOT EIGENWELL_BUILD_PYTHON)
  if(EIGENWELL_CUDA STREQUAL ON)
    message(FATAL_ERROR "EIGENWELL_CUDA=ON needs EIGENWELL_BUILD_PYTHON=ON")
  endif()
elseif(NOT EIGENWELL_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "EIGENWELL_CUDA must be AUTO, ON or OFF, got ${EIGENWELL_CUDA}")
elseif(NOT EIGENWELL_CUDA STREQUAL OFF)
  set(build_cuda ON)
endif()

if(build_cuda)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual)
  set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
  set(CMAKE_CUDA_STANDARD 17)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(CMAKE_CUDA_EXTENSIONS OFF)
  set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
  # Compiles and links a program in a project of its own: half a toolkit, or one that does not take
  # this C++ compiler, is no toolkit, and this configuration goes on.
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
      set(build_cuda OFF)
      set(cuda_problem "nvcc ${CMAKE_CUDA_COMPILER_VERSION} is older than 12.0")
    endif()
  else()
    set(build_cuda OFF)
    set(cuda_problem "there is no nvcc that compiles and links a program with this C++ compiler")
  endif()
  if(NOT build_cuda)
    if(NOT EIGENWELL_CUDA STREQUAL AUTO)
      message(FATAL_ERROR "EIGENWELL_CUDA=${EIGENWELL_CUDA}, but ${cuda_problem}")
    endif()
    message(STATUS "CUDA extension: no, ${cuda_problem}")
  endif()
endif()

if(build_cuda)
  # The kernels apart from pybind11, which nvcc is not to see.
  add_library(eigenwell_cuda STATIC src/cartpole/cartpole.cu src/pairwise/cuda_descent.cu
                                    src/pairwise/cuda_launch.cu src/pairwise/pairwise.cu)
  # As the CPU's kernels: their fused operations are written out.
  set_source_files_properties(src/cartpole/cartpole.cu PROPERTIES COMPILE_OPTIONS --fmad=false)
  target_link_libraries(eigenwell_cuda PRIVATE headers)
  target_compile_options(
    eigenwell_cuda
    PRIVATE "$<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:SHELL:-Werror all-warnings>"
            $<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:-Xcompiler=-Wall,-Wextra,-Wconversion,-Wshadow>)
  set_target_properties(eigenwell_cuda PROPERTIES CUDA_VISIBILITY_PRESET hidden
                                                  POSITION_INDEPENDENT_CODE ON)
  pybind11_add_module(_cuda NO_EXTRAS bindings/module_cuda.cpp)
  target_link_libraries(_cuda PRIVATE headers eigenwell_cuda)
  eigenwell_warnings(_cuda)
  install(TARGETS _cuda DESTINATION eigenwell COMPONENT python)
  message(STATUS "CUDA extension: yes, for ${CMAKE_CUDA_ARCHITECTURES}")
endif()
