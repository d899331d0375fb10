package dev.krait.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Map;

/// The one place that starts the Hugging Face tokenizers library.
///
/// Left alone, the library reports its use over the network, and on a machine with a GPU downloads
/// another build of itself. Both are switched off here, by the system properties `OPT_OUT_TRACKING`
/// and `RUST_FLAVOR`, unless the process has set them before.
final class TokenizerLibrary {
  private static final Map<String, String> QUIET =
      Map.of("OPT_OUT_TRACKING", "true", "RUST_FLAVOR", "cpu");

  /// Without these the library cuts at 512 tokens and pads.
  private static final Map<String, String> WHOLE =
      Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false");

  private TokenizerLibrary() {}

  static HuggingFaceTokenizer open(byte[] tokenizerJson) throws IOException {
    QUIET.forEach((property, value) -> {
      if (System.getProperty(property) == null) {
        System.setProperty(property, value);
      }
    });
    return HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(tokenizerJson), WHOLE);
  }
}
