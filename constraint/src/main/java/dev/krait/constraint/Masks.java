package dev.krait.constraint;

import dev.krait.constraint.State.Place;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Finds the tokens that a state allows by walking the tree of tokens along the automaton.
///
/// Inside of a string the plain tokens depend on the place in the string alone and not on the
/// stack, so they are found once for each such place, and for a string of any characters not at
/// all.
final class Masks {
  /// Work for one mask, about a tenth of a second. Tokens that are not reached within it are not
  /// allowed: less is said then, nothing wrong.
  private static final long MAX_WORK = 2_000_000;

  private final Automaton automaton;
  private final Languages languages;
  private final Encoding json;
  private final Vocabulary vocabulary;
  private int[] found = new int[256];
  private int count;
  private long lastWork;

  Masks(Automaton automaton, Languages languages, Vocabulary vocabulary) {
    this.automaton = automaton;
    this.languages = languages;
    this.vocabulary = vocabulary;
    json = new Encoding(languages, true);
  }

  TokenMask of(State state) {
    count = 0;
    lastWork = languages.work() + MAX_WORK;
    walk(vocabulary.others, state);
    lastWork = languages.work() + MAX_WORK;
    long[] words = null;
    if (!state.places.isEmpty() && state.places.stream().allMatch(p -> p.terminal().quoted)) {
      words = plain(state);
    } else {
      walk(vocabulary.plain, state);
    }
    if (words == null && count > vocabulary.size() / 32) {
      return new TokenMask(bits(), new int[0]);
    }
    return new TokenMask(words, Arrays.copyOf(found, count));
  }

  private long[] bits() {
    long[] bits = new long[(vocabulary.size() + 63) / 64];
    for (int i = 0; i < count; i++) {
      bits[found[i] >> 6] |= 1L << (found[i] & 63);
    }
    return bits;
  }

  private long @Nullable [] plain(State state) {
    long[] all = null;
    boolean own = false;
    Set<Regex> seen = new HashSet<>();
    for (Place place : state.places) {
      if (!seen.add(place.at())) {
        continue;
      }
      long[] words = plain(place.at());
      if (all == null || all.length == 0) {
        all = words;
      } else if (words.length > 0) {
        all = own ? all : all.clone();
        own = true;
        for (int w = 0; w < all.length; w++) {
          all[w] |= words[w];
        }
      }
    }
    return all;
  }

  private long[] plain(Regex at) {
    if (isFree(at)) {
      return vocabulary.plainUpTo(at.parts[0].max);
    }
    if (at.plain == null) {
      at.plain = at.op == Regex.Op.BYTES ? new long[0] : walkLanguage(at);
    }
    return at.plain;
  }

  private void found(TokenTrie trie, int place) {
    for (int i = trie.first[place]; i < trie.first[place + 1]; i++) {
      if (count == found.length) {
        found = Arrays.copyOf(found, 2 * count);
      }
      found[count++] = trie.tokens[i];
    }
  }

  private void walk(TokenTrie trie, State start) {
    State[] path = new State[trie.maxDepth + 1];
    path[0] = start;
    int place = 0;
    while (place < trie.value.length && languages.work() < lastWork) {
      int depth = trie.depth[place];
      State from = path[depth];
      int value = trie.value[place] & 0xff;
      State next = from.knows(value) ? from.next(value) : automaton.next(from, value);
      if (next == null) {
        place = trie.behind[place];
      } else {
        found(trie, place);
        path[depth + 1] = next;
        place++;
      }
    }
  }

  /// The plain tokens inside of a string. They hold no quote, so that they end inside of the string
  /// and the stack has no part. All are set at first: most states that are not those of any text
  /// come to it within a few bytes, and then nothing below has to be looked at.
  private long[] walkLanguage(Regex start) {
    TokenTrie trie = vocabulary.plain;
    long[] words = vocabulary.plainUpTo(-1).clone();
    Regex[] path = new Regex[trie.maxDepth + 1];
    path[0] = start;
    int place = 0;
    while (place < trie.value.length && languages.work() < lastWork) {
      int depth = trie.depth[place];
      Regex next = languages.next(path[depth], trie.value[place] & 0xff);
      if (next == null) {
        clear(words, trie.first[place], trie.first[trie.behind[place]]);
        place = trie.behind[place];
      } else if (isFree(next) && next.parts[0].max < 0) {
        place = trie.behind[place];
      } else {
        path[depth + 1] = next;
        place++;
      }
    }
    clear(words, trie.first[place], trie.tokens.length);
    return words;
  }

  private void clear(long[] words, int from, int to) {
    for (int i = from; i < to; i++) {
      int token = vocabulary.plain.tokens[i];
      words[token >> 6] &= ~(1L << (token & 63));
    }
  }

  /// Whether any characters may follow, up to a number, and then something else.
  private boolean isFree(Regex at) {
    return at.op == Regex.Op.CONCAT
        && at.parts[0].op == Regex.Op.REPEAT
        && at.parts[0].parts[0] == json.any;
  }
}
