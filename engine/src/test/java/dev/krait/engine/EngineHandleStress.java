package dev.krait.engine;

import dev.krait.error.EngineException;
import dev.krait.generation.TokenStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/// The command queue of [EngineHandle] between threads; [StressTest] runs this.
public final class EngineHandleStress {
  private EngineHandleStress() {}

  private static EngineHandle handle(int maxSequences) {
    return new EngineHandle(new EngineLimits(100, 100, maxSequences, 0), () -> 0, 0, 0);
  }

  private static @Nullable TokenStream submit(EngineHandle handle) {
    try {
      return handle.submit(Requests.request(1, 1));
    } catch (EngineException refused) {
      return null;
    }
  }

  /// What was accepted while the engine thread closes is ended, and no place stays taken.
  @JCStressTest
  @Outcome(
      id = {"0, 0", "1, 0"},
      expect = Expect.ACCEPTABLE,
      desc = "refused, or ended")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a reader waits for ever, or a place is lost")
  @State
  public static class Closing {
    private final EngineHandle handle = handle(4);
    private @Nullable TokenStream stream;

    /// A request.
    @Actor
    public void request() {
      stream = submit(handle);
    }

    /// The engine thread.
    @Actor
    public void engine() {
      handle.markClosed();
    }

    /// 0 refused, 1 ended, 2 neither; and who still waits.
    @Arbiter
    public void judge(II_Result result) {
      result.r1 = stream == null ? 0 : stream.poll().isPresent() ? 1 : 2;
      result.r2 = handle.status().waiting();
    }
  }

  /// Of two requests for one place one is accepted, and the engine thread gets its command.
  @JCStressTest
  @Outcome(
      id = {"1, 0, 1", "0, 1, 1"},
      expect = Expect.ACCEPTABLE,
      desc = "one")
  @Outcome(expect = Expect.FORBIDDEN, desc = "both, none, or a lost command")
  @State
  public static class LastPlace {
    private final EngineHandle handle = handle(1);

    /// A request.
    @Actor
    public void first(III_Result result) {
      result.r1 = submit(handle) == null ? 0 : 1;
    }

    /// Another.
    @Actor
    public void second(III_Result result) {
      result.r2 = submit(handle) == null ? 0 : 1;
    }

    /// What the engine thread finds.
    @Arbiter
    public void engine(III_Result result) {
      while (handle.poll() != null) {
        result.r3++;
      }
    }
  }

  /// The engine thread takes every command once while they are sent, a cancel behind its request.
  @JCStressTest
  @Outcome(id = "2, 1", expect = Expect.ACCEPTABLE, desc = "every command once")
  @Outcome(expect = Expect.FORBIDDEN, desc = "lost, twice or out of order")
  @State
  public static class Commands {
    private final EngineHandle handle = handle(4);
    private final List<EngineCommand> taken = new ArrayList<>();

    /// A request that is cancelled.
    @Actor
    public void cancelled() {
      handle.cancel(Objects.requireNonNull(submit(handle)));
    }

    /// The engine thread.
    @Actor
    public void engine() {
      take();
      take();
    }

    private void take() {
      EngineCommand command = handle.poll();
      if (command != null) {
        taken.add(command);
      }
    }

    /// How many commands came, and whether the cancel came behind what it cancels.
    @Arbiter
    public void all(II_Result result) {
      while (handle.hasCommands()) {
        take();
      }
      result.r1 = taken.size();
      for (int i = 0; i < taken.size(); i++) {
        if (taken.get(i) instanceof EngineCommand.Cancel cancel) {
          result.r2 =
              taken.subList(0, i).contains(new EngineCommand.Submit(cancel.stream())) ? 1 : 0;
        }
      }
    }
  }
}
