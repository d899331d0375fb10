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
          "(?:(?<=^|\\n)(?<indent>[ \\t]*+))?\\{%(?<left>[-+]?)\\s*+raw\\s*+(?<open>-?)%}");
  private static final Pattern END_RAW =
      Pattern.compile("\\{%(?<close>[-+]?)\\s*+endraw\\s*+(?:(?<right>-)%}|\\+%}|%}\\n?)");
  private static final Pattern BLOCK_INDENT =
      Pattern.compile("^[ \\t]++(?=\\{[%#](?!\\+))", Pattern.MULTILINE);
  private static final Pattern LAST_INDENT = Pattern.compile("(?<=^|\\n)[ \\t]++$(?!\\n)");
  private static final Pattern PLUS_BEFORE = Pattern.compile("(?<=\\{[%{])\\+");
  private static final Pattern PLUS_AFTER = Pattern.compile("\\+%}(\\n?)");

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

  /// Does what Jinjava's scanner does not: `lstrip_blocks` at the start of lines only, `+`, and
  /// whitespace control of comments and raw blocks; comments become tags and raw blocks texts.
  private static String normalize(String source) {
    StringBuilder normal = new StringBuilder();
    Matcher raw = RAW.matcher(source);
    Matcher endRaw = END_RAW.matcher(source);
    int at = 0;
    while (raw.find(at)) {
      if (!endRaw.find(raw.end())) {
        throw TemplateException.syntax("raw block without end");
      }
      String body = source.substring(raw.end(), endRaw.start());
      normal.append(normalizeOutsideRaw(source, at, raw.start()));
      normal.append(literal(raw, body, endRaw));
      at = endRaw.end();
    }
    return normal.append(normalizeOutsideRaw(source, at, source.length())).toString();
  }

  private static String normalizeOutsideRaw(String source, int from, int to) {
    boolean lineStart = from == 0 || source.charAt(from - 1) == '\n';
    Matcher indents = BLOCK_INDENT.matcher(source.substring(from, to));
    String stripped =
        indents.replaceAll(indent -> indent.start() > 0 || lineStart ? "" : indent.group());
    String before = PLUS_BEFORE.matcher(commentsAsTags(stripped)).replaceAll("");
    return PLUS_AFTER.matcher(before).replaceAll("%}$1$1");
  }

  private static String commentsAsTags(String source) {
    StringBuilder tagged = new StringBuilder();
    int at = 0;
    for (int open = source.indexOf("{#"); open >= 0; open = source.indexOf("{#", at)) {
      int close = source.indexOf("#}", open + 2);
      if (close < 0) {
        throw TemplateException.syntax("comment without end");
      }
      String comment = source.substring(open + 2, close);
      tagged.append(source, at, open).append("{%").append(comment.startsWith("-") ? "-" : "");
      tagged.append(' ').append(COMMENT_TAG).append(' ');
      boolean plus = comment.endsWith("+");
      tagged.append(comment.endsWith("-") ? "-" : plus ? "+" : "").append("%}");
      at = close + 2;
    }
    return tagged.append(source, at, source.length()).toString();
  }

  /// A raw block as an expression that prints its body.
  private static String literal(Matcher raw, String body, Matcher endRaw) {
    String text = raw.group("open").equals("-") ? body.stripLeading() : body;
    text =
        switch (endRaw.group("close")) {
          case "-" -> text.stripTrailing();
          case "+" -> text;
          default -> LAST_INDENT.matcher(text).replaceFirst("");
        };
    String quoted = text.replace("\\", "\\\\").replace("'", "\\'");
    String left = raw.group("left");
    String indent = raw.group("indent");
    return (left.equals("+") && indent != null ? indent : "")
        + (left.equals("-") ? "{{- '" : "{{ '")
        + quoted
        + (endRaw.group("right") != null ? "' -}}" : "' }}");
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
