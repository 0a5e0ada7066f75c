// The one place where the version is written: CMake and the Python packaging read it from here.
#ifndef EIGENWELL_VERSION_HPP
#define EIGENWELL_VERSION_HPP

#define EIGENWELL_VERSION "0.1.0"

#endif  // EIGENWELL_VERSION_HPP
