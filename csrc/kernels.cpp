// Compiled once for each instruction set; exports a table of kernels for each type, and nothing else.
#include "network.hpp"

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
const Kernels<float> &JOIN(float32_, SET)() { return KERNELS<float>; }
const Kernels<double> &JOIN(float64_, SET)() { return KERNELS<double>; }
