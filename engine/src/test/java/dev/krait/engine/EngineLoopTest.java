package dev.krait.engine;

import static dev.krait.engine.Requests.read;
import static dev.krait.engine.Requests.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.THROWABLE;

import com.sun.management.ThreadMXBean;
import dev.krait.engine.Requests.Answer;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.GenerationEvent.Failed;
import dev.krait.generation.TokenStream;
import dev.krait.testing.InMemoryEngine;
import dev.krait.testing.PrefixHashRunner;
import dev.krait.testing.PrefixHashRunner.Drafting;
import dev.krait.testing.ScriptedRunner;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class EngineLoopTest {

  @Test
  void aFailedStepEndsEverySequenceWithOneErrorAndTheEngineForGood() {
    List<Throwable> heard = new ArrayList<>();
    InMemoryEngine.Builder builder =
        InMemoryEngine.builder()
            .maxSequences(2)
            .listener(
                new StepListener() {
                  @Override
                  public void stepDone(StepStats stats) {
                    assertThat(heard).isEmpty();
                  }

                  @Override
                  public void engineFailed(Throwable failure) {
                    heard.add(failure);
                  }
                });
    builder.runner(layout -> {
      var runner = new PrefixHashRunner(layout, builder.model(), Drafting.MIXED, 1);
      runner.failAtStep(2);
      return runner;
    });
    try (InMemoryEngine engine = builder.build()) {
      TokenStream first = engine.handle().submit(request(4, 20));
      TokenStream second = engine.handle().submit(request(4, 20));
      TokenStream third = engine.handle().submit(request(4, 20));
      engine.step();
      engine.step();
      assertThat(engine.step()).isZero();

      for (TokenStream stream : List.of(first, second, third)) {
        Failed failed = (Failed) read(stream).end();
        assertThat(failed.code()).isEqualTo(ErrorCode.INTERNAL);
        assertThat(failed.message()).isEqualTo("engine failed: the device is gone");
      }
      assertThat(heard).singleElement().asInstanceOf(THROWABLE).hasMessage("the device is gone");
      assertThat(engine.handle().status().failed()).isTrue();
      assertThat(engine.handle().status().waiting()).isZero();
      assertThatThrownBy(() -> engine.handle().submit(request(4, 5)))
          .isInstanceOfSatisfying(
              EngineException.class,
              failure -> assertThat(failure.code()).isEqualTo(ErrorCode.UNAVAILABLE));
      assertThat(engine.step()).isZero();
      assertThat(engine.loop().isIdle()).isTrue();
    }
  }

  @Test
  void everyStepIsReportedInNumbers() {
    List<String> heard = new ArrayList<>();
    try (InMemoryEngine engine =
        InMemoryEngine.builder()
            .stepTokens(8)
            .pools(4, 100, 8)
            .listener(stats ->
                heard.add(
                    "%d sequences, %d prompt, %d generated, %d advanced, %d blocks, %d slots"
                        .formatted(
                            stats.scheduler().sequences(),
                            stats.scheduler().promptTokens(),
                            stats.scheduler().generatedTokens(),
                            stats.advancedTokens(),
                            stats.blocksUsed(),
                            stats.slotsUsed())))
            .build()) {
      engine.handle().submit(request(10, 2));
      engine.runUntilIdle();
    }
    assertThat(heard)
        .containsExactly(
            "1 sequences, 8 prompt, 0 generated, 8 advanced, 2 blocks, 1 slots",
            "1 sequences, 2 prompt, 1 generated, 2 advanced, 3 blocks, 1 slots",
            "1 sequences, 0 prompt, 1 generated, 1 advanced, 0 blocks, 0 slots");
  }

  @Test
  void aStepAllocatesNothingWhileTheSameSequencesRun() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (InMemoryEngine engine =
        InMemoryEngine.builder()
            .maxModelTokens(4096)
            .runner(layout -> new ScriptedRunner(8, ScriptedRunner.saying(1, 2, 3)))
            .build()) {
      List<TokenStream> streams = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        streams.add(engine.handle().submit(request(4, 2000)));
      }
      // Buffers have just doubled here and do not again before 2000 tokens.
      for (int i = 0; i < 1200; i++) {
        engine.step();
      }
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 500; i++) {
        engine.step();
      }
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;
      assertThat(allocated).as("bytes in 500 steps of 8 sequences").isLessThan(500);
      engine.runUntilIdle();
      Answer answer = read(streams.getLast());
      assertThat(answer.ids()).hasSize(2000).startsWith(1, 2, 3, 3);
    }
  }
}
