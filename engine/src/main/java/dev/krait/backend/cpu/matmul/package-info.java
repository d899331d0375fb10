/// The matrix product of the CPU backend, in two forms that give the same bits: machine code for
/// AVX2 and AVX-512, and a plain one on the Vector API for every other machine.
///
/// [CpuMatrix] is the layout, which [MatrixPacker] fills at load. [MatmulTask] spreads a product
/// over threads and calls a [TileProduct] for each few tiles: [MachineTiles], whose loops
/// [TileCode] writes, or [VectorTiles]. Every output is one chain of fused multiply-adds over the
/// columns, ascending, whatever the form, the vector width, the threads and the number of tokens.
@NullMarked
package dev.krait.backend.cpu.matmul;

import org.jspecify.annotations.NullMarked;
