package dev.krait.runner;

import dev.krait.backend.LayerCache;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.tensor.Buffer;
import java.util.ArrayList;
import java.util.List;

/// What the caches of a model hold of one sequence, read to arrays and written back, in the order
/// of the layers: keys and values by blocks, states with the convolution's inputs that the next
/// token needs. Neither depends on where blocks and slot lie, nor on how many tokens are drafted.
///
/// Engine thread only. Copies come after all steps that were submitted before.
public final class CacheContents {
  private final List<LayerCache> caches;
  private final CacheLayout layout;

  /// Contents of caches that were allocated for a layout.
  public CacheContents(List<LayerCache> caches, CacheLayout layout) {
    this.caches = caches;
    this.layout = layout;
  }

  /// Bytes of a sequence of so many tokens.
  public long bytes(int tokens) {
    long words = 0;
    for (LayerCache cache : caches) {
      words +=
          switch (cache) {
            case KvCache kv -> 2 * wordsPerBlock(kv.keys()) * layout.demand().blocksFor(tokens);
            case StateCache states -> stateWords(states) + (long) inputs(states) * channels(states);
          };
    }
    return Float.BYTES * words;
  }

  /// A copy of all that a sequence has.
  ///
  /// @param tokens how many are computed; none is pending
  /// @param blocks its blocks in order; none where no layer attends
  /// @param slot its state slot; any number where no layer is recurrent
  public List<float[]> read(int tokens, int[] blocks, int slot) {
    List<float[]> parts = new ArrayList<>();
    for (LayerCache cache : caches) {
      switch (cache) {
        case KvCache kv -> {
          parts.add(readBlocks(kv.keys(), blocks));
          parts.add(readBlocks(kv.values(), blocks));
        }
        case StateCache states -> {
          parts.add(readSlot(states.state(), slot));
          parts.add(readInputs(states, tokens, slot));
        }
      }
    }
    return parts;
  }

  /// Refuses what [#read] cannot have given for so many tokens.
  ///
  /// @throws EngineException INVALID_ARGUMENT
  public void requireFitting(List<float[]> parts, int tokens) {
    List<Long> expected = new ArrayList<>();
    for (LayerCache cache : caches) {
      switch (cache) {
        case KvCache kv -> {
          long words = wordsPerBlock(kv.keys()) * layout.demand().blocksFor(tokens);
          expected.add(words);
          expected.add(words);
        }
        case StateCache states -> {
          expected.add(stateWords(states));
          expected.add((long) inputs(states) * channels(states));
        }
      }
    }
    List<Long> received = parts.stream().map(part -> (long) part.length).toList();
    if (!received.equals(expected)) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "session",
          "session: parts of %s words (expected: %s for %d tokens)"
              .formatted(EngineException.shown(received), EngineException.shown(expected), tokens));
    }
  }

  /// Writes what [#read] gave of another place.
  public void write(List<float[]> parts, int tokens, int[] blocks, int slot) {
    requireFitting(parts, tokens);
    int next = 0;
    for (LayerCache cache : caches) {
      switch (cache) {
        case KvCache kv -> {
          writeBlocks(kv.keys(), parts.get(next++), blocks);
          writeBlocks(kv.values(), parts.get(next++), blocks);
        }
        case StateCache states -> {
          float[] state = parts.get(next++);
          states.state().write((long) slot * state.length, state);
          writeInputs(states, parts.get(next++), tokens, slot);
        }
      }
    }
  }

  private long elementsPerBlock(Buffer buffer) {
    return buffer.elements() / layout.blocks();
  }

  private long wordsPerBlock(Buffer buffer) {
    return elementsPerBlock(buffer) * buffer.dtype().bytes() / Float.BYTES;
  }

  /// Blocks that follow each other in memory are copied at once.
  private static int run(int[] blocks, int first) {
    int end = first + 1;
    while (end < blocks.length && blocks[end] == blocks[end - 1] + 1) {
      end++;
    }
    return end;
  }

  private float[] readBlocks(Buffer buffer, int[] blocks) {
    int words = Math.toIntExact(wordsPerBlock(buffer));
    float[] part = new float[Math.multiplyExact(words, blocks.length)];
    for (int first = 0; first < blocks.length; first = run(blocks, first)) {
      float[] some = new float[words * (run(blocks, first) - first)];
      buffer.readWords(blocks[first] * elementsPerBlock(buffer), some);
      System.arraycopy(some, 0, part, first * words, some.length);
    }
    return part;
  }

  private void writeBlocks(Buffer buffer, float[] part, int[] blocks) {
    int words = Math.toIntExact(wordsPerBlock(buffer));
    for (int first = 0; first < blocks.length; first = run(blocks, first)) {
      float[] some = new float[words * (run(blocks, first) - first)];
      System.arraycopy(part, first * words, some, 0, some.length);
      buffer.writeWords(blocks[first] * elementsPerBlock(buffer), some);
    }
  }

  private long stateWords(StateCache states) {
    return states.state().elements() / layout.stateSlots();
  }

  private float[] readSlot(Buffer buffer, int slot) {
    float[] part = new float[Math.toIntExact(buffer.elements() / layout.stateSlots())];
    buffer.read((long) slot * part.length, part);
    return part;
  }

  /// Tokens whose inputs the convolution of the next one reads.
  private int inputs(StateCache states) {
    return states.ringTokens() - Math.max(layout.demand().window(), 1);
  }

  private int channels(StateCache states) {
    return (int) (states.convRing().elements() / layout.stateSlots() / states.ringTokens());
  }

  /// Rows of the ring in the order of their tokens; zeros before the first token.
  private float[] readInputs(StateCache states, int tokens, int slot) {
    float[] ring = readSlot(states.convRing(), slot);
    int channels = channels(states);
    float[] part = new float[inputs(states) * channels];
    for (int i = 0; i < inputs(states); i++) {
      int token = tokens - inputs(states) + i;
      if (token >= 0) {
        int row = token % states.ringTokens();
        System.arraycopy(ring, row * channels, part, i * channels, channels);
      }
    }
    return part;
  }

  private void writeInputs(StateCache states, float[] part, int tokens, int slot) {
    int channels = channels(states);
    float[] ring = new float[states.ringTokens() * channels];
    for (int i = 0; i < inputs(states); i++) {
      int token = tokens - inputs(states) + i;
      if (token >= 0) {
        int row = token % states.ringTokens();
        System.arraycopy(part, i * channels, ring, row * channels, channels);
      }
    }
    states.convRing().write((long) slot * ring.length, ring);
  }
}
