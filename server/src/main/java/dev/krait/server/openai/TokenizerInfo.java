package dev.krait.server.openai;

import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The answer of `/tokenizer_info`: tokenizer_config.json, with special tokens as plain text.
public final class TokenizerInfo {
  private static final JsonMapper MAPPER = JsonMapper.shared();

  private TokenizerInfo() {}

  /// Rewrites the file's content for clients.
  public static byte[] json(byte[] file) {
    ObjectNode out = MAPPER.createObjectNode();
    for (Map.Entry<String, JsonNode> entry : MAPPER.readTree(file).properties()) {
      JsonNode value = entry.getValue();
      boolean token = entry.getKey().endsWith("_token") && value.has("content");
      out.set(entry.getKey(), token ? value.get("content") : value);
    }
    return OpenAiJson.write(out);
  }
}
