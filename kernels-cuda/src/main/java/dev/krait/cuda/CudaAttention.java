package dev.krait.cuda;

import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.NumericMode;
import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.RopeAngles;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.DeviceBuffer;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.model.Mixer.Attention;
import dev.krait.tensor.Rows;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Attention by [TileAttention] where keys and values are bf16 and it takes the layer, else by
/// kernels/attend.cu; and the rotation and the write before it by kernels/rope.cu. In attend.cu a
/// few tokens share the device by splitting their positions, many by their number.
final class CudaAttention {
  /// Most tokens whose positions are split.
  private static final int SPLIT_TOKENS = 16;

  private final CudaDevice device;
  private final Kernel ropeWriteKv;
  private final Kernel whole;
  private final Kernel split;
  private final Kernel wholeBf16;
  private final Kernel splitBf16;
  private final Kernel merge;
  private final boolean wholeForced;
  private final boolean wholeBf16Forced;
  private final int ropeThreads;
  private final int threads;
  private final int chunkPositions;

  /// Query heads of a block.
  private final int blockHeads;

  private final int maxHeadDim;
  private final int sharedBytes;
  private final Optional<TileAttention> tiles;
  private @Nullable DeviceBuffer partial;

  CudaAttention(CudaDevice device, NumericMode mode, KernelModule rope, ForcedKernels forced) {
    this.device = device;
    ropeWriteKv = rope.kernel("rope_write_kv");
    ropeThreads = rope.constant("rope_threads");
    KernelModule module = KernelModule.load(device, "attend");
    whole = module.kernel("attend_f32");
    split = module.kernel("attend_split_f32");
    wholeBf16 = module.kernel("attend_bf16");
    splitBf16 = module.kernel("attend_split_bf16");
    merge = module.kernel("attend_merge");
    wholeForced = forced.has(whole.name());
    wholeBf16Forced = forced.has(wholeBf16.name());
    threads = module.constant("attend_threads");
    chunkPositions = module.constant("attend_chunk_positions");
    blockHeads = module.constant("attend_heads");
    maxHeadDim = module.constant("attend_max_head_dim");
    sharedBytes = module.constant("attend_shared_bytes");
    tiles =
        mode == NumericMode.BF16
            ? Optional.of(new TileAttention(device, forced))
            : Optional.empty();
    for (Kernel kernel : List.of(whole, split, wholeBf16, splitBf16)) {
      kernel.allowSharedBytes(sharedBytes);
    }
  }

  void rope(Rows x, int heads, RopeAngles angles, CudaStep step) {
    KernelParams params = ropeWriteKv.params();
    Arguments.put(params, x);
    Arguments.putNone(params);
    Arguments.putNone(params);
    Arguments.put(params, angles.cos());
    Arguments.put(params, angles.sin());
    step.put(params);
    params.pointer(0).pointer(0).integer(heads).integer(0);
    params.integer(x.columns() / heads).integer(1).integer(0);
    launchRope(heads, step);
  }

  void writeKv(AttentionArgs args, CudaStep step) {
    KernelParams params = ropeWriteKv.params();
    Arguments.putNone(params);
    Arguments.put(params, args.keys());
    Arguments.put(params, args.values());
    Arguments.putNone(params);
    Arguments.putNone(params);
    step.put(params);
    putCache(params, args, 0);
    launchRope(args.attention().kvHeads(), step);
  }

  void ropeWriteKv(AttentionArgs args, RopeAngles angles, CudaStep step) {
    KernelParams params = ropeWriteKv.params();
    Arguments.put(params, args.queries());
    Arguments.put(params, args.keys());
    Arguments.put(params, args.values());
    Arguments.put(params, angles.cos());
    Arguments.put(params, angles.sin());
    step.put(params);
    putCache(params, args, args.attention().heads());
    launchRope(args.attention().heads() + args.attention().kvHeads(), step);
  }

  /// @param rotated heads of queries that are rotated
  private static void putCache(KernelParams params, AttentionArgs args, int rotated) {
    params
        .pointer(Arguments.address(args.cache().keys()))
        .pointer(Arguments.address(args.cache().values()))
        .integer(rotated)
        .integer(args.attention().kvHeads())
        .integer(args.attention().headDim())
        .integer(args.cache().blockTokens())
        .integer(isRounded(args.cache()) ? 1 : 0);
  }

  /// Whether keys and values are kept as bf16 and not as fp32.
  private static boolean isRounded(KvCache cache) {
    return switch (cache.keys().dtype()) {
      case BF16 -> true;
      case F32 -> false;
      case F16, F64, I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalArgumentException("keys: " + cache.keys().dtype());
    };
  }

  private void launchRope(int heads, CudaStep step) {
    if (step.tokens > 0) {
      ropeWriteKv.launch(step.tokens, heads, 1, ropeThreads, 0);
    }
  }

  void attend(AttentionArgs args, CudaStep step) {
    if (step.tokens == 0) {
      return;
    }
    Attention attention = args.attention();
    KvCache cache = args.cache();
    boolean rounded = isRounded(cache);
    if (tiles.isPresent() && rounded && tiles.get().takes(args)) {
      int positions = step.maxBlocks * cache.blockTokens();
      long scratch = scratch(tiles.get().scratchElements(attention, positions));
      tiles.get().attend(args, step, scratch);
      return;
    }
    if (attention.headDim() > maxHeadDim) {
      throw new IllegalArgumentException(
          "headDim: " + attention.headDim() + " (expected: at most " + maxHeadDim + ")");
    }
    int shared = attention.heads() / attention.kvHeads();
    int groups = attention.kvHeads() * Math.ceilDiv(shared, blockHeads);
    int chunks = Math.ceilDiv(step.maxBlocks * cache.blockTokens(), chunkPositions);
    if (step.tokens > SPLIT_TOKENS || (rounded ? wholeBf16Forced : wholeForced)) {
      Kernel kernel = rounded ? wholeBf16 : whole;
      put(kernel.params(), args, step, 0, chunks);
      kernel.launch(step.tokens, groups, 1, threads, sharedBytes);
      return;
    }
    long scratch = scratch(scratchElements(attention, chunks));
    Kernel kernel = rounded ? splitBf16 : split;
    put(kernel.params(), args, step, scratch, chunks);
    kernel.launch(step.tokens, groups, chunks, threads, sharedBytes);
    put(merge.params(), args, step, scratch, chunks);
    merge.launch(step.tokens, attention.heads(), 1, maxHeadDim, 0);
  }

  /// What [#attend] takes, at most, for sequences of up to so many tokens.
  long scratchBytes(Attention attention, int maxModelTokens) {
    long elements = scratchElements(attention, Math.ceilDiv(maxModelTokens, chunkPositions));
    long dealtOut = tiles.map(t -> t.scratchElements(attention, maxModelTokens)).orElse(0L);
    return Float.BYTES * Math.max(elements, dealtOut);
  }

  /// A sum for each of the split tokens, heads and chunks, its largest score and its weight.
  private static long scratchElements(Attention attention, int chunks) {
    return (long) SPLIT_TOKENS * attention.heads() * chunks * (attention.headDim() + 2);
  }

  /// Scratch memory that never moves while graphs hold its address: an older one is kept.
  private long scratch(long elements) {
    if (partial == null || partial.elements() < elements) {
      partial = DeviceBuffer.allocate(device, elements);
    }
    return partial.address();
  }

  private static void put(
      KernelParams params, AttentionArgs args, CudaStep step, long scratch, int chunks) {
    int operandRows = Arguments.putMaybeOperand(params, args.dst(), step.tokens);
    Arguments.put(params, args.queries());
    step.put(params);
    params
        .pointer(Arguments.address(args.cache().keys()))
        .pointer(Arguments.address(args.cache().values()))
        .pointer(scratch);
    putLayer(params, args, chunks, operandRows);
  }

  /// The last fields of `AttendParams` and of `AttendTilesParams`, which are the same.
  ///
  /// @param splits parts of a context
  static void putLayer(KernelParams params, AttentionArgs args, int splits, int operandRows) {
    Attention attention = args.attention();
    params
        .integer(attention.heads())
        .integer(attention.kvHeads())
        .integer(attention.headDim())
        .integer(args.cache().blockTokens())
        .integer(attention.window())
        .integer(splits)
        .integer(operandRows)
        .real((float) attention.scale());
  }
}
