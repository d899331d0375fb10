package dev.krait.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class TellAStoryTest {

  @Test
  void theExampleAnswersAsTheReferenceDoes() {
    StringBuilder text = new StringBuilder();
    TellAStory.answer(
        Path.of(System.getProperty("krait.repo"), "models"), "What is the moon?", text::append);
    assertThat(text.toString())
        .startsWith(
            "The moon is a celestial body that orbits Earth, and it's a beautiful sight to see. It's also a"
                + " symbol of the universe's beauty and mystery.");
  }
}
