package dev.krait.server.openai;

import dev.krait.error.EngineException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Request fields that ask for what this server cannot do. They are refused with UNSUPPORTED and
/// their name, so that nobody takes an answer for what it is not; values that ask for nothing pass.
final class UnsupportedFields {
  private static final List<String> NULL_ONLY =
      List.of(
          "guided_whitespace_pattern",
          "allowed_token_ids",
          "bad_words",
          "prompt_embeds",
          "kv_transfer_params",
          "repetition_detection",
          "thinking_token_budget");

  private UnsupportedFields() {}

  static void refuseInCompletion(JsonFields fields) {
    refuse(fields);
    fields.refuse("suffix", "null");
  }

  static void refuseInChat(JsonFields fields) {
    refuse(fields);
    fields.refuse("audio", "null");
    fields.refuse("return_prompt_text", "false");
  }

  private static void refuse(JsonFields fields) {
    refuseBestOf(fields);
    fields.refuse("use_beam_search", "false");
    NULL_ONLY.forEach(name -> fields.refuse(name, "null"));
    fields.accept("length_penalty"); // only beam search reads it
    fields.flag("spaces_between_special_tokens", true);
    Optional<String> side = fields.text("truncation_side");
    if (side.isPresent() && !side.get().equals("left")) {
      if (!side.get().equals("right")) {
        throw EngineException.invalidArgument("truncation_side", side.get(), "left");
      }
      throw EngineException.unsupported("truncation_side", "right", "left");
    }
  }

  /// What is generated is answered; nothing is generated to choose the best from.
  private static void refuseBestOf(JsonFields fields) {
    OptionalInt best = fields.integer("best_of");
    int asked = fields.integer("n").orElse(1);
    if (best.isEmpty() || best.getAsInt() == asked) {
      return;
    }
    if (best.getAsInt() < asked) {
      throw EngineException.invalidArgument("best_of", best.getAsInt(), "n, which is " + asked);
    }
    throw EngineException.unsupported(
        "best_of", Integer.toString(best.getAsInt()), "n, which is " + asked);
  }
}
