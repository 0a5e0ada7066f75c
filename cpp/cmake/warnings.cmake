# One strict set of warnings for our own targets; users of the headers never inherit it.
function(eigenwell_warnings target)
  target_compile_options(
    ${target}
    PRIVATE $<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:-Wall -Wextra -Wpedantic -Wconversion
            -Wsign-conversion -Wshadow -Wdouble-promotion -Wcast-align>)
endfunction()
