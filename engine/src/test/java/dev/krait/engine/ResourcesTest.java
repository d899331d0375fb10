package dev.krait.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.krait.error.EngineException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ResourcesTest {
  private final List<String> closed = new ArrayList<>();
  private final Resources resources = new Resources();

  private void open(String name, Error... failures) {
    resources.opened(() -> {
      closed.add(name);
      for (Error failure : failures) {
        throw failure;
      }
    });
  }

  @Test
  void everythingIsClosedInReverseWhateverTheOthersThrow() {
    Error first = new NoClassDefFoundError("first");
    open("first", first);
    open("second");
    open("third", new NoClassDefFoundError("third"));

    Throwable failure = catchThrowable(resources::close);

    assertThat(closed).containsExactly("third", "second", "first");
    assertThat(failure).isInstanceOf(EngineException.class).hasMessageContaining("third");
    assertThat(failure).cause().hasMessage("third").hasSuppressedException(first);
  }

  @Test
  void aFailureBeforeClosingStaysTheFirst() {
    open("only", new NoClassDefFoundError("only"));
    IllegalStateException before = new IllegalStateException("before");

    resources.closeAfter(before);

    assertThat(before.getSuppressed()).hasSize(1);
    resources.close();
    assertThat(closed).as("closed once").containsExactly("only");
  }
}
