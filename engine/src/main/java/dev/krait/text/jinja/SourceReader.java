package dev.krait.text.jinja;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.TreeParser;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Reads template source into Jinjava's tree of texts, expressions and tags, with `trim_blocks` and
/// `lstrip_blocks` on.
final class SourceReader {
  /// Stands for a comment, which Jinjava's tree forgets together with its whitespace control.
  static final String COMMENT_TAG = "krait_comment";

  private static final Pattern RAW =
      Pattern.compile(
          "\\{%[-+]?\\s*raw\\s*[-+]?%}.*?\\{%[-+]?\\s*endraw\\s*[-+]?%}", Pattern.DOTALL);
  private static final Pattern COMMENT = Pattern.compile("\\{#([-+]?).*?([-+]?)#}", Pattern.DOTALL);
  private static final Pattern BLOCK_INDENT =
      Pattern.compile("^[ \\t]+(?=\\{[%#][^+])", Pattern.MULTILINE);
  private static final Pattern PLUS = Pattern.compile("(?<=\\{[%{])\\+|\\+(?=%})");

  private SourceReader() {}

  static Node read(String source) {
    String unix = source.replace("\r\n", "\n").replace('\r', '\n');
    String text = unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix;
    JinjavaInterpreter interpreter = interpreter();
    Node root;
    try {
      root = new TreeParser(interpreter, normalize(text)).buildTree();
    } catch (RuntimeException e) {
      throw TemplateException.syntax(String.valueOf(e.getMessage()));
    }
    if (!interpreter.getErrorsCopy().isEmpty()) {
      TemplateError error = interpreter.getErrorsCopy().getFirst();
      throw TemplateException.syntax(
          "line " + error.getLineno() + ": " + String.valueOf(error.getMessage()));
    }
    return root;
  }

  /// Applies `lstrip_blocks`, which Jinjava would apply in the middle of a line too, and keeps
  /// comments as tags; raw blocks stay as they are.
  private static String normalize(String source) {
    StringBuilder normal = new StringBuilder();
    Matcher raw = RAW.matcher(source);
    int end = 0;
    while (raw.find()) {
      normal.append(normalizeOutsideRaw(source.substring(end, raw.start())));
      normal.append(PLUS.matcher(raw.group()).replaceAll(""));
      end = raw.end();
    }
    return normal.append(normalizeOutsideRaw(source.substring(end))).toString();
  }

  private static String normalizeOutsideRaw(String source) {
    String stripped = BLOCK_INDENT.matcher(source).replaceAll("");
    String commented = COMMENT.matcher(stripped).replaceAll("{%$1 " + COMMENT_TAG + " $2%}");
    return PLUS.matcher(commented).replaceAll("");
  }

  private static JinjavaInterpreter interpreter() {
    LegacyOverrides dialect =
        LegacyOverrides.newBuilder()
            .withParseWhitespaceControlStrictly(true)
            .withAllowAdjacentTextNodes(true)
            .withUseTrimmingForNotesAndExpressions(true)
            .withHandleBackslashInQuotesOnly(true)
            .build();
    Jinjava jinjava =
        new Jinjava(
            JinjavaConfig.newBuilder()
                .withTrimBlocks(true)
                .withLstripBlocks(false)
                .withLegacyOverrides(dialect)
                .build());
    jinjava.registerTag(new Marker(COMMENT_TAG, false));
    jinjava.registerTag(new Marker("generation", true));
    jinjava.registerTag(new Marker("filter", true));
    jinjava.registerTag(new Marker("with", true));
    return jinjava.newInterpreter();
  }

  /// A tag that Jinjava does not have; it only needs to know whether the tag has an end.
  private record Marker(String name, boolean block) implements Tag {
    @Override
    public String getName() {
      return name;
    }

    @Override
    @SuppressWarnings("NullAway") // null is how Jinjava spells a tag without an end
    public String getEndTagName() {
      return block ? "end" + name : null;
    }

    @Override
    public String interpret(TagNode node, JinjavaInterpreter interpreter) {
      throw new UnsupportedOperationException("only parsed by Jinjava");
    }
  }
}
