package dev.krait.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StopMatcherTest {
  @Test
  void textThatCouldBeginAStopIsHeldBack() {
    StopMatcher matcher = new StopMatcher(StopStrings.of(List.of("END")), false);
    assertThat(matcher.push("the E")).isEqualTo("the ");
    assertThat(matcher.push("N")).isEmpty();
    assertThat(matcher.push("T")).isEqualTo("ENT");
    assertThat(matcher.push(" E")).isEqualTo(" ");
    assertThat(matcher.push("ND rest")).isEmpty();
    assertThat(matcher.matched()).contains("END");
    assertThat(matcher.push("more")).isEmpty();
    assertThat(matcher.flush()).isEmpty();
  }

  @Test
  void whatWasHeldBackComesAtTheEnd() {
    StopMatcher matcher = new StopMatcher(StopStrings.of(List.of("\n\n")), false);
    assertThat(matcher.push("a\n")).isEqualTo("a");
    assertThat(matcher.flush()).isEqualTo("\n");
    assertThat(matcher.matched()).isEmpty();
  }

  @Test
  void theStopItselfIsKeptOnRequest() {
    StopMatcher matcher = new StopMatcher(StopStrings.of(List.of("ab")), true);
    assertThat(matcher.push("xa")).isEqualTo("x");
    assertThat(matcher.push("bc")).isEqualTo("ab");
  }

  @Test
  void aStopThatOverlapsItselfIsFound() {
    StopMatcher matcher = new StopMatcher(StopStrings.of(List.of("aab")), false);
    assertThat(matcher.push("aaa")).isEqualTo("a");
    assertThat(matcher.push("b")).isEmpty();
    assertThat(matcher.matched()).contains("aab");
  }

  @Test
  void theLongestOfTheStopsCompleteAtTheSamePlaceWins() {
    StopMatcher matcher = new StopMatcher(StopStrings.of(List.of("c", "abc")), false);
    assertThat(matcher.push("xabc")).isEqualTo("x");
    assertThat(matcher.matched()).contains("abc");
  }

  @Test
  void withoutStopsTextPassesThrough() {
    StopMatcher matcher = new StopMatcher(StopStrings.of(List.of()), false);
    assertThat(matcher.push("anything")).isEqualTo("anything");
    assertThat(matcher.flush()).isEmpty();
  }

  @Test
  void anEmptyStopIsRefused() {
    assertThatThrownBy(() -> StopStrings.of(List.of("a", "")))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("stop");
  }

  @Test
  void randomTextsAreCutWhereASearchOfTheWholeTextCutsThem() {
    Random random = new Random(11);
    for (int round = 0; round < 5000; round++) {
      List<String> stops = new ArrayList<>();
      for (int i = random.nextInt(4); i > 0; i--) {
        stops.add(randomText(random, 1 + random.nextInt(4)));
      }
      String text = randomText(random, random.nextInt(30));
      boolean include = random.nextBoolean();
      StopMatcher matcher = new StopMatcher(StopStrings.of(stops), include);
      StringBuilder out = new StringBuilder();
      for (int at = 0; at < text.length(); ) {
        int end = Math.min(text.length(), at + 1 + random.nextInt(5));
        out.append(matcher.push(text.substring(at, end)));
        at = end;
      }
      out.append(matcher.flush());
      Expected expected = search(text, stops, include);
      assertThat(out.toString()).as("%s in '%s'", stops, text).isEqualTo(expected.text());
      assertThat(matcher.matched()).isEqualTo(expected.matched());
    }
  }

  private record Expected(String text, Optional<String> matched) {}

  private static Expected search(String text, List<String> stops, boolean include) {
    for (int end = 1; end <= text.length(); end++) {
      String seen = text.substring(0, end);
      Optional<String> longest =
          stops.stream().filter(seen::endsWith).max(Comparator.comparingInt(String::length));
      if (longest.isPresent()) {
        int cut = include ? end : end - longest.get().length();
        return new Expected(text.substring(0, cut), longest);
      }
    }
    return new Expected(text, Optional.empty());
  }

  private static String randomText(Random random, int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append((char) ('a' + random.nextInt(3)));
    }
    return text.toString();
  }
}
