package dev.krait.cuda;

import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.model.Mixer.Attention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Attention over bf16 keys and values on tensor cores, by kernels/attend_few.cu and
/// kernels/attend_many.cu. Every form gives the same bits for a row, so one is taken by the numbers
/// of tokens and sequences alone.
final class TileAttention {
  /// Most tokens whose splits of the context are dealt out to several blocks.
  private static final int SPLIT_TOKENS = 64;

  /// Blocks of a multiprocessor, in the mean, above which dealing out a context further costs more
  /// than it gives (measured: benchmarks/lab/attention).
  private static final int ENOUGH_BLOCKS = 2;

  /// Elements of heads that there are forms for, or fewer.
  private static final int[] HEAD_DIMS = {64, 96, 128, 256};

  /// Elements of a copy of 16 bytes.
  private static final int HEAD_UNIT = 8;

  /// A kernel.
  ///
  /// @param rows query heads and tokens of a block
  /// @param splits whether blocks may share a context
  /// @param forced whether it is taken for any step
  private record Form(
      Kernel kernel, int rows, int threads, int sharedBytes, boolean splits, boolean forced) {}

  /// The forms for heads of up to so many elements.
  ///
  /// @param few for few tokens of a sequence, ascending by rows
  private record Forms(int headDim, List<Form> few, Form many) {}

  private final List<Forms> forms;
  private final Kernel merge;
  private final int multiprocessors;

  /// Positions that a warp copies together.
  private final int groupPositions;

  private final int mergeThreads;
  private final int splitPositions;
  private final int evenSplits;
  private final int octaveSplits;

  TileAttention(CudaDevice device, ForcedKernels forced) {
    multiprocessors = device.multiprocessors();
    KernelModule few = KernelModule.load(device, "attend_few");
    KernelModule many = KernelModule.load(device, "attend_many");
    forms =
        Arrays.stream(HEAD_DIMS).mapToObj(headDim -> forms(few, many, headDim, forced)).toList();
    merge = few.kernel("attend_merge_splits");
    mergeThreads = few.constant("attend_merge_splits_threads");
    groupPositions = few.constant("attend_group_positions");
    splitPositions = few.constant("attend_split_positions");
    evenSplits = few.constant("attend_even_splits");
    octaveSplits = few.constant("attend_octave_splits");
  }

  private static Forms forms(
      KernelModule few, KernelModule many, int headDim, ForcedKernels forced) {
    List<Form> ascending = new ArrayList<>();
    ascending.add(form(few, "attend_few_" + headDim + "_r16", forced));
    if (headDim < HEAD_DIMS[HEAD_DIMS.length - 1]) {
      ascending.add(form(few, "attend_few_" + headDim + "_r32", forced));
    }
    return new Forms(headDim, ascending, form(many, "attend_many_" + headDim, forced));
  }

  private static Form form(KernelModule module, String name, ForcedKernels forced) {
    Kernel kernel = module.kernel(name);
    int sharedBytes = module.constant(name + "_shared");
    kernel.allowSharedBytes(sharedBytes);
    return new Form(
        kernel,
        module.constant(name + "_rows"),
        module.constant(name + "_threads"),
        sharedBytes,
        name.startsWith("attend_few"),
        forced.has(name));
  }

  /// Whether there is a form for an attention layer.
  boolean takes(AttentionArgs args) {
    Attention attention = args.attention();
    return attention.headDim() % HEAD_UNIT == 0
        && attention.headDim() <= HEAD_DIMS[HEAD_DIMS.length - 1]
        && args.cache().blockTokens() % groupPositions == 0
        && attention.scale() > 0;
  }

  /// What [#attend] takes for sequences of up to so many tokens.
  long scratchElements(Attention attention, int maxModelTokens) {
    return (long) SPLIT_TOKENS
        * attention.heads()
        * splits(maxModelTokens)
        * (attention.headDim() + 2);
  }

  /// Splits of a context, as `split_of` in attention.cuh has them.
  private int splits(int tokens) {
    int even = splitPositions * evenSplits;
    if (tokens <= even) {
      return Math.ceilDiv(tokens, splitPositions);
    }
    int octaves = Integer.SIZE - Integer.numberOfLeadingZeros((tokens - 1) / even);
    return evenSplits + octaveSplits * octaves;
  }

  /// @param scratch address of as many floats as [#scratchElements] says
  void attend(AttentionArgs args, CudaStep step, long scratch) {
    Attention attention = args.attention();
    int shared = attention.heads() / attention.kvHeads();
    Form form = choose(attention.headDim(), shared, step);
    int width = Math.min(shared, form.rows());
    int heads = attention.kvHeads() * Math.ceilDiv(shared, width);
    int places = step.tokens / (form.rows() / width) + step.sequences;
    int splits = splits(step.maxBlocks * args.cache().blockTokens());
    int every = 1;
    if (step.tokens <= SPLIT_TOKENS && form.splits()) {
      int wanted = Math.ceilDiv(ENOUGH_BLOCKS * multiprocessors, heads * places);
      every = Math.min(splits, Math.max(2, wanted));
    }
    put(form.kernel().params(), args, step, scratch, splits);
    form.kernel().launch(every, heads, places, form.threads(), form.sharedBytes());
    if (every > 1) {
      put(merge.params(), args, step, scratch, splits);
      merge.launch(step.tokens, attention.heads(), 1, mergeThreads, 0);
    }
  }

  /// The form whose tiles hold what a sequence has in the mean. Steps that deal out a context keep
  /// to few rows.
  private Form choose(int headDim, int shared, CudaStep step) {
    Forms fitting = forms.getFirst();
    for (int i = 1; fitting.headDim() < headDim; i++) {
      fitting = forms.get(i);
    }
    for (Form form : fitting.few()) {
      if (form.forced()) {
        return form;
      }
    }
    if (fitting.many().forced()) {
      return fitting.many();
    }
    for (Form form : fitting.few()) {
      if ((long) form.rows() * step.sequences >= (long) step.tokens * shared) {
        return form;
      }
    }
    return step.tokens <= SPLIT_TOKENS ? fitting.few().getLast() : fitting.many();
  }

  private static void put(
      KernelParams params, AttentionArgs args, CudaStep step, long scratch, int splits) {
    int operandRows = Arguments.putMaybeOperand(params, args.dst(), step.tokens);
    Arguments.put(params, args.queries());
    step.put(params);
    params
        .pointer(Arguments.address(args.cache().keys()))
        .pointer(Arguments.address(args.cache().values()))
        .pointer(scratch)
        .integer(step.sequences);
    CudaAttention.putLayer(params, args, splits, operandRows);
  }
}
