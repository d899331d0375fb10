package dev.krait.cache.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class IndexPoolTest {
  private static int[] counts(IndexPool pool) {
    return new int[] {pool.total(), pool.free(), pool.used()};
  }

  @Test
  void indicesAreTakenFromTheFirstOn() {
    IndexPool pool = new IndexPool("blocks", 3);
    assertThat(counts(pool)).containsExactly(3, 3, 0);
    assertThat(new int[] {pool.take(), pool.take(), pool.take()}).containsExactly(0, 1, 2);
    assertThat(counts(pool)).containsExactly(3, 0, 3);
  }

  @Test
  void theLastGivenBackIsTheNextTaken() {
    IndexPool pool = new IndexPool("blocks", 4);
    for (int i = 0; i < 4; i++) {
      pool.take();
    }
    pool.give(1);
    pool.give(3);
    assertThat(pool.isUsed(1)).isFalse();
    assertThat(pool.isUsed(2)).isTrue();
    assertThat(new int[] {pool.take(), pool.take()}).containsExactly(3, 1);
  }

  @Test
  void anEmptyPoolRefuses() {
    IndexPool pool = new IndexPool("slots", 1);
    pool.take();
    assertThatThrownBy(pool::take)
        .isInstanceOf(EngineException.class)
        .hasMessage("slots: none free (expected: 1 or more)");
    assertThatThrownBy(new IndexPool("slots", 0)::take).isInstanceOf(EngineException.class);
  }

  @Test
  void whatIsNotInUseCannotBeGivenBack() {
    IndexPool pool = new IndexPool("blocks", 2);
    int index = pool.take();
    pool.give(index);
    for (int unused : new int[] {index, 1, 2}) {
      assertThatThrownBy(() -> pool.give(unused))
          .isInstanceOf(EngineException.class)
          .hasMessage("blocks " + unused + " given back: unused (expected: in use)");
    }
    assertThat(counts(pool)).containsExactly(2, 2, 0);
    pool.checkIntegrity();
  }

  @Test
  void everyIndexHasOneOwnerWhateverTheOrder() {
    Random random = new Random(5);
    IndexPool pool = new IndexPool("blocks", 17);
    List<Integer> taken = new ArrayList<>();
    for (int i = 0; i < 5000; i++) {
      if (taken.size() < 17 && (taken.isEmpty() || random.nextBoolean())) {
        int index = pool.take();
        assertThat(index).isBetween(0, 16);
        assertThat(taken).doesNotContain(index);
        taken.add(index);
      } else {
        Collections.shuffle(taken, random);
        pool.give(taken.removeLast());
      }
      assertThat(pool.used()).isEqualTo(taken.size());
      pool.checkIntegrity();
    }
  }
}
