package dev.krait.cuda;

import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.DeviceBuffer;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.model.Mixer.Attention;
import dev.krait.tensor.Rows;
import org.jspecify.annotations.Nullable;

/// Attention by kernels/attend.cu: a few tokens share the device by splitting their positions, many
/// by their number.
final class CudaAttention {
  private static final int THREADS = 256;
  private static final int CHUNK_POSITIONS = 64;
  private static final int HEADS = 4;
  private static final int MOST_HEAD_DIM = 256;

  /// Most tokens whose positions are split.
  private static final int SPLIT_TOKENS = 16;

  private final CudaDevice device;
  private final Kernel whole;
  private final Kernel split;
  private final Kernel merge;
  private final int sharedBytes;
  private @Nullable DeviceBuffer partial;

  CudaAttention(CudaDevice device) {
    this.device = device;
    KernelModule module = KernelModule.load(device, "attend");
    whole = module.kernel("attend");
    split = module.kernel("attend_split");
    merge = module.kernel("attend_merge");
    sharedBytes = module.constant("attend_shared_bytes");
    whole.allowSharedBytes(sharedBytes);
    split.allowSharedBytes(sharedBytes);
  }

  void launch(
      Rows dst, Rows queries, KvCache cache, Attention attention, StepInputs step, CudaStep own) {
    if (attention.headDim() > MOST_HEAD_DIM) {
      throw new IllegalArgumentException(
          "headDim: " + attention.headDim() + " (expected: at most " + MOST_HEAD_DIM + ")");
    }
    int shared = attention.heads() / attention.kvHeads();
    int groups = attention.kvHeads() * Math.ceilDiv(shared, HEADS);
    int chunks = Math.ceilDiv(step.maxBlocks * cache.blockTokens(), CHUNK_POSITIONS);
    if (step.tokens > SPLIT_TOKENS) {
      put(whole.params(), dst, queries, cache, attention, own, 0, chunks);
      whole.launch(step.tokens, groups, 1, THREADS, sharedBytes);
      return;
    }
    long elements = (long) attention.heads() * chunks * (attention.headDim() + 2);
    long scratch = scratch(SPLIT_TOKENS * elements);
    put(split.params(), dst, queries, cache, attention, own, scratch, chunks);
    split.launch(step.tokens, groups, chunks, THREADS, sharedBytes);
    put(merge.params(), dst, queries, cache, attention, own, scratch, chunks);
    merge.launch(step.tokens, attention.heads(), 1, MOST_HEAD_DIM, 0);
  }

  /// Scratch memory that never moves while graphs hold its address: an older one is kept.
  private long scratch(long elements) {
    if (partial == null || partial.elements() < elements) {
      partial = DeviceBuffer.allocate(device, elements);
    }
    return partial.address();
  }

  private static void put(
      KernelParams params,
      Rows dst,
      Rows queries,
      KvCache cache,
      Attention attention,
      CudaStep own,
      long scratch,
      int chunks) {
    Arguments.put(params, dst);
    Arguments.put(params, queries);
    own.put(params);
    params
        .pointer(Arguments.address(cache.keys()))
        .pointer(Arguments.address(cache.values()))
        .pointer(scratch)
        .integer(attention.heads())
        .integer(attention.kvHeads())
        .integer(attention.headDim())
        .integer(cache.blockTokens())
        .integer(attention.window())
        .integer(chunks)
        .real((float) (1 / Math.sqrt(attention.headDim())));
  }
}
