// The whole test framework: CHECK says where it failed and counts, `report` is main's answer.
#ifndef EIGENWELL_TESTS_CHECK_HPP
#define EIGENWELL_TESTS_CHECK_HPP

#include <cstdio>

namespace check {

inline int passed = 0;
inline int failed = 0;

inline bool that(bool condition, const char* text, const char* file, int line) {
    if (condition) {
        ++passed;
    } else {
        ++failed;
        std::fprintf(stderr, "%s:%d: failed: %s\n", file, line, text);
    }
    return condition;
}

inline int report() {
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

}  // namespace check

#define CHECK(condition) check::that(condition, #condition, __FILE__, __LINE__)

#endif  // EIGENWELL_TESTS_CHECK_HPP
