package dev.krait.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class KeyLimitsTest {
  private final AtomicLong now = new AtomicLong();

  private KeyLimits limits(int concurrent, int requests, int tokens) {
    return new KeyLimits(new KeyLimits.Most(concurrent, requests, tokens), now::get);
  }

  private void pass(Duration time) {
    now.addAndGet(time.toNanos());
  }

  private static long refusedFor(KeyLimits limits, String key) {
    EngineException refusal =
        catchThrowableOfType(EngineException.class, () -> limits.enter(key).close());
    assertThat(refusal).as("a refusal of %s", key).isNotNull();
    assertThat(refusal.code()).isEqualTo(ErrorCode.RESOURCE_EXHAUSTED);
    return refusal.retryAfterSeconds().orElseThrow();
  }

  @Test
  void aKeyRunsSoManyRequestsAtOnce() {
    KeyLimits limits = limits(2, 0, 0);
    KeyLimits.Lease one = limits.enter("a");
    KeyLimits.Lease two = limits.enter("a");
    assertThat(refusedFor(limits, "a")).isEqualTo(1);
    limits.enter("b").close();
    one.close();
    one.close();
    KeyLimits.Lease three = limits.enter("a");
    assertThat(refusedFor(limits, "a")).isEqualTo(1);
    two.close();
    three.close();
  }

  @Test
  void requestsOfAMinuteComeBackEvenly() {
    KeyLimits limits = limits(0, 6, 0);
    for (int i = 0; i < 6; i++) {
      limits.enter("a").close();
    }
    assertThat(refusedFor(limits, "a")).isEqualTo(10);
    pass(Duration.ofSeconds(4));
    assertThat(refusedFor(limits, "a")).isEqualTo(6);
    pass(Duration.ofSeconds(6));
    limits.enter("a").close();
    assertThat(refusedFor(limits, "a")).isEqualTo(10);
    pass(Duration.ofHours(1));
    for (int i = 0; i < 6; i++) {
      limits.enter("a").close();
    }
    assertThat(refusedFor(limits, "a")).isEqualTo(10);
  }

  @Test
  void tokensThatARequestTookTooManyKeepTheNextOnesWaiting() {
    KeyLimits limits = limits(0, 0, 60);
    try (KeyLimits.Lease lease = limits.enter("a")) {
      lease.charge(90);
    }
    assertThat(refusedFor(limits, "a")).isEqualTo(31);
    limits.enter("b").close();
    pass(Duration.ofSeconds(31));
    limits.enter("a").close();
  }

  @Test
  void theRefusalNamesTheKeyAndTheLimit() {
    KeyLimits limits = limits(0, 1, 0);
    limits.enter("team-a").close();
    assertThatThrownBy(() -> limits.enter("team-a"))
        .hasMessage(
            "key team-a: has used the requests of this minute (expected: at most 1 requests a"
                + " minute; try again in 60 s)");
    assertThatThrownBy(() -> new KeyLimits.Most(0, -1, 0))
        .hasMessage("key-requests-per-minute: -1 (expected: 0 for no limit, or more)");
  }
}
