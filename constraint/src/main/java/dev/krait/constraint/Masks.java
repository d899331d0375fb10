package dev.krait.constraint;

import dev.krait.constraint.State.Place;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Finds the tokens that a state allows by walking the tree of tokens along the automaton.
///
/// Inside of a string the plain tokens depend on the place in the string alone and not on the
/// stack, so they are found once for each such place, and for a string of any characters not at
/// all.
final class Masks {
  private final Automaton automaton;
  private final Languages languages;
  private final Encoding json;
  private final Vocabulary vocabulary;
  private int[] found = new int[256];
  private int count;

  Masks(Automaton automaton, Languages languages, Vocabulary vocabulary) {
    this.automaton = automaton;
    this.languages = languages;
    this.vocabulary = vocabulary;
    json = new Encoding(languages, true);
  }

  TokenMask of(State state) {
    count = 0;
    long[] words = null;
    if (!state.places.isEmpty() && state.places.stream().allMatch(p -> p.terminal().quoted)) {
      words = plain(state);
    } else {
      walk(vocabulary.plain, state);
    }
    walk(vocabulary.others, state);
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
    for (int i = 0; i < state.places.size(); i++) {
      Place place = state.places.get(i);
      long[] words = plain(place.at());
      if (all == null || words == null) {
        all = all == null ? words : all;
      } else if (all != words) {
        all = own ? all : all.clone();
        own = true;
        for (int w = 0; w < all.length; w++) {
          all[w] |= words[w];
        }
      }
    }
    return all;
  }

  private long @Nullable [] plain(Regex at) {
    if (at.op == Regex.Op.CONCAT
        && at.parts[0].op == Regex.Op.REPEAT
        && at.parts[0].parts[0] == json.any) {
      return vocabulary.plainUpTo(at.parts[0].max);
    }
    if (at.op == Regex.Op.CONCAT && at.parts[0].op == Regex.Op.BYTES) {
      ByteSet set = at.parts[0].bytes;
      if (set.equals(ByteSet.of('"'))) {
        return null;
      }
    }
    TokenMask known = at.plain;
    if (known == null) {
      int before = count;
      walkLanguage(at);
      known = new TokenMask(count == before ? null : bits(), new int[0]);
      at.plain = known;
      count = before;
    }
    return known.words();
  }

  private void found(TokenTrie trie, int token) {
    for (int id = token; id >= 0; id = trie.same[id]) {
      if (count == found.length) {
        found = Arrays.copyOf(found, 2 * count);
      }
      found[count++] = id;
    }
  }

  private void walk(TokenTrie trie, State start) {
    State[] path = new State[trie.maxDepth + 1];
    path[0] = start;
    int place = 0;
    while (place < trie.value.length) {
      int depth = trie.depth[place];
      State from = path[depth];
      int value = trie.value[place] & 0xff;
      State next = from.knows(value) ? from.next(value) : automaton.next(from, value);
      if (next == null) {
        place = trie.behind[place];
      } else {
        if (trie.token[place] >= 0) {
          found(trie, trie.token[place]);
        }
        path[depth + 1] = next;
        place++;
      }
    }
  }

  /// Plain tokens hold no quote, so that they end inside of the string: the stack has no part.
  private void walkLanguage(Regex start) {
    TokenTrie trie = vocabulary.plain;
    Regex[] path = new Regex[trie.maxDepth + 1];
    path[0] = start;
    int place = 0;
    while (place < trie.value.length) {
      int depth = trie.depth[place];
      Regex next = languages.next(path[depth], trie.value[place] & 0xff);
      if (next == null) {
        place = trie.behind[place];
      } else {
        if (trie.token[place] >= 0) {
          found(trie, trie.token[place]);
        }
        path[depth + 1] = next;
        place++;
      }
    }
  }
}
