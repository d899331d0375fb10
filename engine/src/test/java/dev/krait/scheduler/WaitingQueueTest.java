package dev.krait.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WaitingQueueTest {
  private final WaitingQueue queue = new WaitingQueue();

  @Test
  void lowerPriorityNumbersComeFirstAndArrivalDecidesWithinOne() {
    ActiveSequence a = sequence(1, 0, Long.MAX_VALUE);
    ActiveSequence b = sequence(2, 5, Long.MAX_VALUE);
    ActiveSequence c = sequence(3, -1, Long.MAX_VALUE);
    ActiveSequence d = sequence(4, 0, Long.MAX_VALUE);
    List.of(d, b, a, c).forEach(queue::add);
    assertThat(drain()).containsExactly(c, a, d, b);
  }

  @Test
  void oneThatComesBackGoesToTheFrontOfItsClass() {
    ActiveSequence urgent = sequence(9, -1, Long.MAX_VALUE);
    ActiveSequence old = sequence(1, 0, Long.MAX_VALUE);
    ActiveSequence waiting = sequence(2, 0, Long.MAX_VALUE);
    queue.add(waiting);
    queue.add(urgent);
    queue.add(old);
    assertThat(drain()).containsExactly(urgent, old, waiting);
  }

  @Test
  void exactlyThosePastTheirDeadlineAreTaken() {
    ActiveSequence soon = sequence(1, 0, 100);
    ActiveSequence later = sequence(2, 0, 200);
    ActiveSequence never = sequence(3, 0, Long.MAX_VALUE);
    List.of(soon, later, never).forEach(queue::add);
    assertThat(expired(99)).isEmpty();
    assertThat(expired(100)).containsExactly(soon);
    assertThat(expired(199)).isEmpty();
    assertThat(expired(10_000)).containsExactly(later);
    assertThat(drain()).containsExactly(never);
  }

  private List<ActiveSequence> expired(long now) {
    List<ActiveSequence> expired = new ArrayList<>();
    queue.takeExpired(now, expired);
    return expired;
  }

  private List<ActiveSequence> drain() {
    List<ActiveSequence> order = new ArrayList<>();
    for (ActiveSequence next = queue.first(); next != null; next = queue.after(next)) {
      order.add(next);
      queue.remove(next);
    }
    return order;
  }

  private static ActiveSequence sequence(long id, int priority, long deadline) {
    GenerationRequest request =
        GenerationRequest.of(
            "r",
            TokenIds.of(1),
            SamplingParams.greedy(),
            new StopConditions(1, 0, TokenIds.empty()),
            set -> {
              set.priority = priority;
              set.deadlineNanos = deadline;
            });
    return new ActiveSequence(id, new TokenStream(request, 0));
  }
}
