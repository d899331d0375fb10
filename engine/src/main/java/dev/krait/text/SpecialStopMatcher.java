package dev.krait.text;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/// Finds stop strings that spell out special tokens in a text that leaves these tokens out. Not
/// thread-safe.
///
/// Stop strings without a special token are for a [StopMatcher] over the text that this one gives
/// out, so that a hidden token between two characters does not part them.
public final class SpecialStopMatcher {
  private final StopMatcher matcher;
  private final boolean includeStopInOutput;

  /// What the matcher holds back, in order.
  private final Deque<Piece> held = new ArrayDeque<>();

  /// A part of the text.
  private record Piece(String text, boolean hidden) {}

  /// Starts a stream.
  ///
  /// @param stops stop strings with special tokens
  /// @param includeStopInOutput whether the stop string that matched is part of the text
  public SpecialStopMatcher(StopStrings stops, boolean includeStopInOutput) {
    this.matcher = new StopMatcher(stops, false);
    this.includeStopInOutput = includeStopInOutput;
  }

  /// The stop strings in which a tokenizer finds a special token.
  public static List<String> withSpecialTokens(Tokenizer tokenizer, List<String> stops) {
    return stops.stream().filter(stop -> hasSpecialToken(tokenizer, stop)).toList();
  }

  private static boolean hasSpecialToken(Tokenizer tokenizer, String stop) {
    for (int id : tokenizer.encode(stop, false)) {
      if (tokenizer.isSpecial(id)) {
        return true;
      }
    }
    return false;
  }

  /// Takes the next piece of text.
  ///
  /// @param hidden whether it is a special token's, which is searched and not given out
  /// @return the visible text that cannot be part of a stop string any more; after a match nothing
  public String push(String delta, boolean hidden) {
    if (matched().isPresent()) {
      return "";
    }
    held.add(new Piece(delta, hidden));
    String text = visible(matcher.push(delta).length());
    return includeStopInOutput ? text + matched().orElse("") : text;
  }

  /// Ends the stream.
  ///
  /// @return the visible text that was held back because it could have begun a stop string
  public String flush() {
    return visible(matcher.flush().length());
  }

  /// The stop string that ended the text, if one did.
  public Optional<String> matched() {
    return matcher.matched();
  }

  /// Takes so many characters from what is held; those of hidden pieces leave no text.
  private String visible(int characters) {
    StringBuilder text = new StringBuilder();
    int left = characters;
    while (left > 0) {
      Piece piece = held.remove();
      int taken = Math.min(left, piece.text().length());
      if (!piece.hidden()) {
        text.append(piece.text(), 0, taken);
      }
      if (taken < piece.text().length()) {
        held.addFirst(new Piece(piece.text().substring(taken), piece.hidden()));
      }
      left -= taken;
    }
    return text.toString();
  }
}
