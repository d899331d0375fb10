package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.List;

/// Products of bf16 operands as one accumulation chain for every output, by
/// kernels/matmul_few_sm90.cu and kernels/matmul_wide_sm90.cu. Every form gives the same bits for a
/// token, so the fastest may be taken for each shape and number of tokens.
final class ChainMatmul {
  /// Tokens up to which the first of the two files is taken.
  private static final int FEW_TOKENS = 16;

  /// Tokens of a warpgroup.
  private static final int GROUP_TOKENS = 64;

  private static final int COPY_THREADS = 128;
  private static final int CHUNK_BYTES = 128;
  private static final int BARRIER_BYTES = 16;
  private static final int ALIGNMENT = 1024;

  /// Shared memory of a ring. A ring of 172 KiB leaves room for the block of a small matrix beside
  /// it, which then starts before the large one has ended (measured: benchmarks/lab/chain).
  private static final int FEW_RING_BYTES = 172 << 10;

  private static final int SMALL_RING_BYTES = 52 << 10;
  private static final int WIDE_RING_BYTES = 220 << 10;

  /// More than any ring takes; with what a kernel has of its own within the 227 KiB of sm_90.
  private static final int MAX_SHARED_BYTES = 224 << 10;

  /// Bytes of a matrix from which on reading it takes longer than starting a kernel.
  private static final long SMALL_MATRIX_BYTES = 8 << 20;

  /// Filling and draining the ring costs a tile what so many rows cost.
  private static final int TILE_ROWS = 8;

  /// What a product may write.
  enum Output {
    /// fp32 rows that start anywhere.
    ROWS,
    /// A bf16 operand.
    OPERAND,
    /// fp32 rows that start at multiples of 8 bytes.
    ALIGNED_ROWS;

    /// `operand` of `ChainParams` in chain.cuh.
    int code() {
      return switch (this) {
        case ROWS -> 0;
        case OPERAND -> 1;
        case ALIGNED_ROWS -> 2;
      };
    }
  }

  /// A kernel.
  ///
  /// @param rows weight rows of a tile, gates included
  /// @param groups warpgroups of 64 tokens; 0 for the kernels of few tokens
  /// @param gated whether half of the rows are gates
  private record Form(Kernel kernel, int rows, int groups, boolean gated) {
    int outputs() {
      return gated ? rows / 2 : rows;
    }

    int tileTokens() {
      return groups == 0 ? FEW_TOKENS : groups * GROUP_TOKENS;
    }

    int threads() {
      return COPY_THREADS + (groups == 0 ? COPY_THREADS : 128 * groups);
    }

    /// `kSteps` in chain.cuh.
    int chunksOfStep() {
      if (rows <= 32) {
        return 4;
      }
      return groups < 2 && rows <= 128 ? 2 : 1;
    }
  }

  /// Rows and columns of matrices whose outputs have four chains: one would be long, and their rows
  /// are too few to hide it. The weight alone decides, since it orders the sums.
  private static final int NARROW_ROWS = 512;

  private static final int NARROW_COLUMNS = 1024;

  /// Chains of an output of `matmul_narrow`, and blocks of the cluster that computes it.
  private static final int CHAINS = 4;

  private final int multiprocessors;
  private final List<Form> forms = new ArrayList<>();
  private final Form narrow;
  private final Form narrowWide;

  ChainMatmul(CudaDevice device) {
    multiprocessors = device.multiprocessors();
    KernelModule few = KernelModule.load(device, "matmul_few_sm90");
    for (int rows : new int[] {8, 16, 24, 32, 48, 64, 80, 112, 128}) {
      add(few.kernel("matmul_few_r" + rows), rows, 0, false);
    }
    for (int rows : new int[] {16, 32, 64, 112, 128}) {
      add(few.kernel("gated_few_r" + rows), rows, 0, true);
    }
    narrow = form(few.kernel("matmul_narrow"), 8, 0, false);
    KernelModule wide = KernelModule.load(device, "matmul_wide_sm90");
    narrowWide = form(wide.kernel("matmul_wide_chains"), 32, 1, false);
    for (int rows : new int[] {32, 48, 64, 80, 96, 112, 128}) {
      add(wide.kernel("matmul_wide_r" + rows + "_g1"), rows, 1, false);
    }
    for (int rows : new int[] {64, 96, 128, 160, 192, 256}) {
      add(wide.kernel("matmul_wide_r" + rows + "_g2"), rows, 2, false);
    }
    for (int rows : new int[] {32, 64, 112, 128}) {
      add(wide.kernel("gated_wide_r" + rows + "_g1"), rows, 1, true);
    }
    for (int rows : new int[] {160, 224, 256}) {
      add(wide.kernel("gated_wide_r" + rows + "_g2"), rows, 2, true);
    }
  }

  private void add(Kernel kernel, int rows, int groups, boolean gated) {
    forms.add(form(kernel, rows, groups, gated));
  }

  private static Form form(Kernel kernel, int rows, int groups, boolean gated) {
    kernel.allowSharedBytes(MAX_SHARED_BYTES);
    return new Form(kernel, rows, groups, gated);
  }

  /// The form whose tiles take least time in whole rounds of the device: rows for few tokens, which
  /// wait for memory, cycles of memory or tensor cores for more.
  private Form choose(int outputs, int tokens, boolean gated) {
    Form best = forms.getFirst();
    double least = Double.POSITIVE_INFINITY;
    for (Form form : forms) {
      if (form.gated() != gated || (form.groups() == 0) != (tokens <= FEW_TOKENS)) {
        continue;
      }
      long tiles =
          (long) Math.ceilDiv(outputs, form.outputs()) * Math.ceilDiv(tokens, form.tileTokens());
      double cost = (double) Math.ceilDiv(tiles, multiprocessors) * cost(form, tokens);
      if (cost < least) {
        least = cost;
        best = form;
      }
    }
    return best;
  }

  /// Of a tile, for each chunk: a multiprocessor reads some 20 bytes a cycle from memory, and twice
  /// as many from the second-level cache, where activations are; a wgmma takes half as many cycles
  /// as it has rows, or reads 128 bytes a cycle of shared memory.
  private static double cost(Form form, int tokens) {
    if (form.groups() == 0) {
      return form.rows() + TILE_ROWS;
    }
    double activations = Math.min(form.tileTokens(), tokens) / 2.0;
    double memory = (form.rows() + activations) * CHUNK_BYTES / 20;
    double step = Math.max(form.rows() / 2.0, (2048 + 32.0 * form.rows()) / 128);
    return Math.max(memory, 4 * form.groups() * step);
  }

  /// `dst = x weight^T`, or gated.
  ///
  /// @param x address of the operand, of `OperandBuffer.paddedTokens(tokens)` rows
  /// @param dst address of the first output
  /// @param stride floats between tokens of fp32 rows
  void launch(
      long dst, Output output, int stride, long x, CudaMatrix weight, int tokens, boolean gated) {
    int outputs = gated ? weight.rows() / 2 : weight.rows();
    boolean isNarrow = !gated && weight.rows() <= NARROW_ROWS && weight.columns() >= NARROW_COLUMNS;
    Form form = isNarrow ? narrow(tokens) : choose(outputs, tokens, gated);
    int xRows = OperandBuffer.paddedTokens(tokens);
    int tileTokens = form.tileTokens();
    int slot = form.chunksOfStep() * CHUNK_BYTES * (form.rows() + Math.min(tileTokens, xRows));
    int slots = Math.max(2, (ringBytes(form, weight) - 2 * ALIGNMENT) / (slot + BARRIER_BYTES));
    // A tile reads all its tokens, also where the last slot of the ring holds fewer.
    int behind = Math.max(0, (tileTokens - xRows - form.rows()) * CHUNK_BYTES);
    int shared = ALIGNMENT + slots * (slot + BARRIER_BYTES) + behind;
    KernelParams params = form.kernel().params();
    params
        .pointer(weight.address())
        .pointer(x)
        .pointer(dst)
        .integer(stride)
        .integer(weight.paddedRows())
        .integer(outputs)
        .integer(xRows)
        .integer(tokens)
        .integer(weight.paddedColumns() / OperandBuffer.CHUNK_COLUMNS)
        .integer(slots)
        .integer(output.code());
    long tiles = (long) Math.ceilDiv(outputs, form.outputs()) * Math.ceilDiv(tokens, tileTokens);
    int blocks = (int) (form.equals(narrow) ? CHAINS * tiles : Math.min(tiles, multiprocessors));
    form.kernel().launch(blocks, 1, 1, form.threads(), shared);
  }

  private Form narrow(int tokens) {
    return tokens <= FEW_TOKENS ? narrow : narrowWide;
  }

  private static int ringBytes(Form form, CudaMatrix weight) {
    if (form.groups() > 0) {
      return WIDE_RING_BYTES;
    }
    return weight.bytes() < SMALL_MATRIX_BYTES ? SMALL_RING_BYTES : FEW_RING_BYTES;
  }

  /// How a product may store to rows.
  static Output output(Rows dst) {
    boolean aligned = Arguments.address(dst) % 8 == 0 && dst.stride() % 2 == 0;
    return aligned ? Output.ALIGNED_ROWS : Output.ROWS;
  }
}
