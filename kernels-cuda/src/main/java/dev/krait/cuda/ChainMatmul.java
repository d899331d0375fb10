package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.tensor.Rows;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Products of bf16 operands as one accumulation chain for every output, by
/// kernels/matmul_few_sm90.cu and kernels/matmul_wide_sm90.cu. Every form gives the same bits for a
/// token, so the fastest may be taken for each shape and number of tokens.
final class ChainMatmul {
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

  /// A kernel, as its file describes it.
  ///
  /// @param rows weight rows of a tile, gates included
  /// @param tokens of a tile
  /// @param chunks of a slot of the ring
  /// @param few whether it takes no more tokens than a tile has
  private record Form(Kernel kernel, int rows, int tokens, int threads, int chunks, boolean few) {
    boolean takes(int count) {
      return !few || count <= tokens;
    }
  }

  /// Forms that give the same bits.
  ///
  /// @param forced those that are taken wherever they can be, whatever is fastest
  private record Choice(List<Form> forms, List<Form> forced) {
    /// Of few tokens.
    Form first() {
      return forms.getFirst();
    }
  }

  /// Rows and columns of matrices whose outputs have four chains: one would be long, and their rows
  /// are too few to hide it. The weight alone decides, since it orders the sums.
  private static final int NARROW_ROWS = 512;

  private static final int NARROW_COLUMNS = 1024;

  /// The kernels without and with gates, of few tokens and of more.
  private static final List<String> FEW =
      names("matmul_few_r%d", 8, 16, 24, 32, 48, 64, 80, 112, 128);

  private static final List<String> GATED_FEW = names("gated_few_r%d", 16, 32, 64, 112, 128);
  private static final List<String> WIDE =
      Stream.concat(
              names("matmul_wide_r%d_g1", 32, 48, 64, 80, 96, 112, 128).stream(),
              names("matmul_wide_r%d_g2", 64, 96, 128, 160, 192, 256).stream())
          .toList();
  private static final List<String> GATED_WIDE =
      Stream.concat(
              names("gated_wide_r%d_g1", 32, 64, 112, 128).stream(),
              names("gated_wide_r%d_g2", 160, 224, 256).stream())
          .toList();

  private static List<String> names(String pattern, Integer... rows) {
    return Arrays.stream(rows).map(pattern::formatted).toList();
  }

  private final int multiprocessors;
  private final int chunkBytes;
  private final int ringAlignment;

  /// Of a slot.
  private final int barrierBytes;

  /// Chains of an output of `matmul_narrow`, and blocks of the cluster that computes it.
  private final int chains;

  private final Choice plain;
  private final Choice gated;
  private final Choice narrow;

  ChainMatmul(CudaDevice device, ForcedKernels forced) {
    multiprocessors = device.multiprocessors();
    KernelModule few = KernelModule.load(device, "matmul_few_sm90");
    KernelModule wide = KernelModule.load(device, "matmul_wide_sm90");
    chunkBytes = few.constant("chain_chunk_bytes");
    ringAlignment = few.constant("chain_ring_alignment");
    barrierBytes = few.constant("chain_barrier_bytes");
    chains = few.constant("matmul_narrow_chains");
    plain = choice(forced, forms(few, FEW, true), forms(wide, WIDE, false));
    gated = choice(forced, forms(few, GATED_FEW, true), forms(wide, GATED_WIDE, false));
    narrow =
        choice(
            forced,
            forms(few, List.of("matmul_narrow"), true),
            forms(wide, List.of("matmul_wide_chains"), false));
  }

  private static Choice choice(ForcedKernels forced, List<Form> few, List<Form> wide) {
    List<Form> all = Stream.concat(few.stream(), wide.stream()).toList();
    return new Choice(all, all.stream().filter(form -> forced.has(form.kernel().name())).toList());
  }

  private static List<Form> forms(KernelModule module, List<String> names, boolean few) {
    return names.stream().map(name -> form(module, name, few)).toList();
  }

  private static Form form(KernelModule module, String name, boolean few) {
    Kernel kernel = module.kernel(name);
    kernel.allowSharedBytes(MAX_SHARED_BYTES);
    return new Form(
        kernel,
        module.constant(name + "_rows"),
        module.constant(name + "_tokens"),
        module.constant(name + "_threads"),
        module.constant(name + "_chunks"),
        few);
  }

  /// The form whose tiles take least time in whole rounds of the device: rows for few tokens, which
  /// wait for memory, cycles of memory or tensor cores for more.
  private Form choose(Choice choice, int rows, int tokens) {
    Form forced = fastest(choice.forced(), rows, tokens, 0);
    return forced != null
        ? forced
        : Objects.requireNonNull(fastest(choice.forms(), rows, tokens, choice.first().tokens()));
  }

  /// @param fewTokens up to which only kernels of few tokens are taken
  private @Nullable Form fastest(List<Form> forms, int rows, int tokens, int fewTokens) {
    Form best = null;
    double least = Double.POSITIVE_INFINITY;
    for (Form form : forms) {
      if (!form.takes(tokens) || (!form.few() && tokens <= fewTokens)) {
        continue;
      }
      long tiles = (long) Math.ceilDiv(rows, form.rows()) * Math.ceilDiv(tokens, form.tokens());
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
  private double cost(Form form, int tokens) {
    if (form.few()) {
      return form.rows() + TILE_ROWS;
    }
    double activations = Math.min(form.tokens(), tokens) / 2.0;
    double memory = (form.rows() + activations) * chunkBytes / 20;
    double step = Math.max(form.rows() / 2.0, (2048 + 32.0 * form.rows()) / 128);
    return Math.max(memory, form.tokens() / 16.0 * step);
  }

  /// `dst = x weight^T`, or gated.
  ///
  /// @param x address of the operand, of `OperandBuffer.paddedTokens(tokens)` rows
  /// @param dst address of the first output
  /// @param stride floats between tokens of fp32 rows
  void launch(
      long dst, Output output, int stride, long x, CudaMatrix weight, int tokens, boolean gates) {
    boolean isNarrow = !gates && weight.rows() <= NARROW_ROWS && weight.columns() >= NARROW_COLUMNS;
    Choice choice = isNarrow ? narrow : gates ? gated : plain;
    Form form = choose(choice, weight.rows(), tokens);
    int xRows = OperandBuffer.paddedTokens(tokens);
    int slot = form.chunks() * chunkBytes * (form.rows() + Math.min(form.tokens(), xRows));
    // A tile reads all its tokens, also where the last slot of the ring holds fewer.
    int behind = Math.max(0, (form.tokens() - xRows - form.rows()) * chunkBytes);
    int ring =
        Math.min(
            ringBytes(form, weight) - 2 * ringAlignment, MAX_SHARED_BYTES - ringAlignment - behind);
    int slots = Math.max(2, ring / (slot + barrierBytes));
    int shared = ringAlignment + slots * (slot + barrierBytes) + behind;
    KernelParams params = form.kernel().params();
    params
        .pointer(weight.address())
        .pointer(x)
        .pointer(dst)
        .integer(stride)
        .integer(weight.paddedRows())
        .integer(gates ? weight.rows() / 2 : weight.rows())
        .integer(xRows)
        .integer(tokens)
        .integer(weight.paddedColumns() / OperandBuffer.CHUNK_COLUMNS)
        .integer(slots)
        .integer(output.code());
    long tiles =
        (long) Math.ceilDiv(weight.rows(), form.rows()) * Math.ceilDiv(tokens, form.tokens());
    boolean isCluster = form.equals(narrow.first());
    int blocks = (int) (isCluster ? chains * tiles : Math.min(tiles, multiprocessors));
    form.kernel().launch(blocks, 1, 1, form.threads(), shared);
  }

  private static int ringBytes(Form form, CudaMatrix weight) {
    if (!form.few()) {
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
