package dev.krait.service;

import dev.krait.text.SpecialStopMatcher;
import dev.krait.text.StopStrings;
import dev.krait.text.Tokenizer;
import java.util.List;

/// The stop strings of a request, prepared once for all its sequences.
///
/// @param visible all of them, for the text that a client sees
/// @param special those that spell out special tokens which the text leaves out
record StopTexts(StopStrings visible, StopStrings special) {

  static StopTexts of(PromptRequest request, Tokenizer tokenizer) {
    List<String> stops = request.stop().strings();
    List<String> special =
        request.output().skipSpecialTokens()
            ? SpecialStopMatcher.withSpecialTokens(tokenizer, stops)
            : List.of();
    return new StopTexts(StopStrings.of(stops), StopStrings.of(special));
  }
}
