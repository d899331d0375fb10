package dev.krait.server.openai;

import dev.krait.reply.ReplyEvent;
import dev.krait.service.Finish;
import dev.krait.service.Usage;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// One answer of an endpoint that answers with items or blocks, of which each has its own events.
/// Used by one thread.
public interface ItemAnswer {

  /// An endpoint.
  interface Endpoint {
    /// Reads a request body.
    ///
    /// @param requestId name of the request unless the body has one
    /// @throws dev.krait.error.EngineException when it is not a request this server can answer
    Asked parse(byte[] body, String requestId);
  }

  /// A request, and the answer to it that has not begun.
  ///
  /// @param request what to generate, one sequence
  /// @param answers makes the answer
  record Asked(OpenAiRequest request, Maker answers) {}

  /// Makes the answer of a request.
  @FunctionalInterface
  interface Maker {
    /// The answer.
    ///
    /// @param createdSeconds seconds since 1970
    /// @param model name of the model
    ItemAnswer make(long createdSeconds, String model);
  }

  /// Begins.
  ///
  /// @param usage counts so far
  void begin(Usage usage);

  /// Adds what the model said.
  void add(ReplyEvent event);

  /// Ends.
  void end(Finish finish, Usage usage);

  /// Breaks off, with an error that clients can read.
  void fail(String code, String message);

  /// Events since the last call; the field `type` is their name.
  List<ObjectNode> take();

  /// The whole answer, once it has ended.
  ObjectNode whole();
}
