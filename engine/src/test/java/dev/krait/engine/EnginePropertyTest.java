package dev.krait.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.testing.PrefixHashRunner.Mistake;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Thousands of random scripts on the engine with a model that is a hash of all it was shown.
@Tag("slow")
class EnginePropertyTest {
  private static final int SCRIPTS = 4000;
  private static final int SCRIPTS_AHEAD = 1500;
  private static final int SCRIPTS_TO_FIND_A_MISTAKE = 300;

  @Test
  void everyTextIsRightAndEveryPoolWholeWhateverHappens() {
    int preempted = 0;
    int accepted = 0;
    int cached = 0;
    int rejected = 0;
    for (long seed = 0; seed < SCRIPTS; seed++) {
      ScriptPlayer player = new ScriptPlayer(EngineScript.random(seed), Mistake.NONE);
      try {
        player.play();
      } catch (RuntimeException | AssertionError failure) {
        throw new AssertionError(report(seed), failure);
      }
      preempted += player.preemptions() > 0 ? 1 : 0;
      accepted += player.accepted();
      cached += player.cached();
      rejected += player.drafted() - player.accepted();
    }
    assertThat(preempted).as("scripts with a preemption").isGreaterThan(SCRIPTS / 20);
    assertThat(accepted).as("accepted drafts").isGreaterThan(SCRIPTS);
    assertThat(cached).as("prompt tokens found in the cache").isGreaterThan(SCRIPTS);
    assertThat(rejected).as("rejected drafts").isGreaterThan(SCRIPTS);
  }

  /// The next step is submitted before the answer of the last one: every text is the same.
  @Test
  void every_text_is_right_when_steps_are_submitted_ahead() {
    int ahead = 0;
    int preempted = 0;
    int rejected = 0;
    for (long seed = 0; seed < SCRIPTS_AHEAD; seed++) {
      ScriptPlayer player = new ScriptPlayer(EngineScript.random(seed), Mistake.NONE, 2);
      try {
        player.play();
      } catch (RuntimeException | AssertionError failure) {
        throw new AssertionError(EngineScript.random(seed).toString(), failure);
      }
      ahead += player.ahead();
      preempted += player.preemptions() > 0 ? 1 : 0;
      rejected += player.drafted() - player.accepted();
    }
    assertThat(ahead).as("steps submitted ahead").isGreaterThan(SCRIPTS_AHEAD);
    assertThat(preempted).as("scripts with a preemption").isGreaterThan(SCRIPTS_AHEAD / 40);
    assertThat(rejected).as("rejected drafts").isGreaterThan(SCRIPTS_AHEAD);
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void theScriptsNoticeARunnerThat(Mistake mistake) {
    boolean found = false;
    for (long seed = 0; seed < SCRIPTS_TO_FIND_A_MISTAKE && !found; seed++) {
      found = failure(EngineScript.random(seed), mistake).isPresent();
    }
    assertThat(found).as("noticed: %s", mistake).isTrue();
  }

  @Test
  void aFailingScriptShrinksToOneThatCannotLoseAnAction() {
    EngineScript script = firstFailing(Mistake.KEEPS_OLD_STATE);
    EngineScript small = shrink(script, Mistake.KEEPS_OLD_STATE);
    assertThat(small.actions().size()).isLessThanOrEqualTo(script.actions().size()).isEqualTo(1);
    assertThat(failure(small, Mistake.KEEPS_OLD_STATE)).isPresent();
  }

  private static EngineScript firstFailing(Mistake mistake) {
    for (long seed = 0; seed < SCRIPTS_TO_FIND_A_MISTAKE; seed++) {
      EngineScript script = EngineScript.random(seed);
      if (failure(script, mistake).isPresent()) {
        return script;
      }
    }
    throw new AssertionError("no script fails with " + mistake);
  }

  private static String report(long seed) {
    EngineScript small = shrink(EngineScript.random(seed), Mistake.NONE);
    String message = failure(small, Mistake.NONE).map(Throwable::toString).orElse("");
    return "seed %d fails; smallest script: %s%n%s".formatted(seed, small, message);
  }

  /// Removes actions as long as the script still fails.
  private static EngineScript shrink(EngineScript script, Mistake mistake) {
    EngineScript small = script;
    int index = 0;
    while (index < small.actions().size()) {
      EngineScript smaller = small.without(index);
      if (failure(smaller, mistake).isPresent()) {
        small = smaller;
        index = 0;
      } else {
        index++;
      }
    }
    return small;
  }

  private static Optional<Throwable> failure(EngineScript script, Mistake mistake) {
    try {
      new ScriptPlayer(script, mistake, mistake == Mistake.FORGETS_CHOICES ? 2 : 1).play();
      return Optional.empty();
    } catch (RuntimeException | AssertionError failure) {
      return Optional.of(failure);
    }
  }
}
