/// Tests of the CPU backend's matrix product, its layout and its machine code.
@NullMarked
package dev.krait.backend.cpu.matmul;

import org.jspecify.annotations.NullMarked;
