package dev.krait.testing;

import dev.krait.generation.GenerationEvent;
import dev.krait.generation.TokenStream;
import java.util.ArrayList;
import java.util.List;

/// Reads streams to their end.
public final class Generations {
  private Generations() {}

  /// All generated ids of a stream.
  ///
  /// @throws AssertionError when the engine broke the generation off
  public static int[] ids(TokenStream stream) {
    List<Integer> ids = new ArrayList<>();
    while (true) {
      switch (stream.next()) {
        case GenerationEvent.Tokens tokens -> {
          for (int i = 0; i < tokens.ids().size(); i++) {
            ids.add(tokens.ids().at(i));
          }
        }
        case GenerationEvent.PromptLogprobs prompt -> {}
        case GenerationEvent.Finished finished -> {
          return ids.stream().mapToInt(id -> id).toArray();
        }
        case GenerationEvent.Failed failed -> throw new AssertionError(failed.message());
      }
    }
  }
}
