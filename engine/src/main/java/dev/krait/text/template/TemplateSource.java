package dev.krait.text.template;

import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Prepares a template for Jinjava: drops comments and does the whitespace control of Jinja2 with
/// trim_blocks and lstrip_blocks, where Jinjava strips blanks in front of every tag, and checks
/// size and nesting before anything recursive sees the text.
final class TemplateSource {
  private static final Pattern TAG = Pattern.compile("\\s*(\\w+)(.*)", Pattern.DOTALL);
  private static final Pattern END_RAW = Pattern.compile("\\{%[-+]?\\s*endraw\\s*[-+]?%\\}");
  private static final Set<String> BLOCKS =
      Set.of("if", "for", "macro", "generation", "call", "filter", "with");

  private final String source;
  private final StringBuilder out = new StringBuilder();
  private int position;
  private int depth;
  private boolean lineStart = true;

  private TemplateSource(String source) {
    this.source = source;
  }

  static String prepare(String source) {
    if (source.length() > Budget.TEMPLATE_CHARS) {
      throw TemplateException.limit("length", source.length(), Budget.TEMPLATE_CHARS);
    }
    String text = source.replace("\r\n", "\n").replace('\r', '\n');
    return new TemplateSource(text.endsWith("\n") ? text.substring(0, text.length() - 1) : text)
        .read();
  }

  private String read() {
    while (true) {
      int open = nextBlock();
      if (open < 0) {
        return out.append(source, position, source.length()).toString();
      }
      char kind = source.charAt(open + 1);
      char sign = open + 2 < source.length() ? source.charAt(open + 2) : ' ';
      boolean signed = sign == '-' || (sign == '+' && kind != '{');
      text(source.substring(position, open), kind, signed ? sign : ' ');
      block(kind, open + (signed ? 3 : 2));
    }
  }

  private int nextBlock() {
    for (int i = source.indexOf('{', position); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  private void text(String text, char kind, char sign) {
    int line = text.lastIndexOf('\n') + 1;
    if (sign == '-') {
      out.append(TextMethods.strip(text, "", false, true));
    } else if (sign != '+' && kind != '{' && (line > 0 || lineStart) && isBlank(text, line)) {
      out.append(text, 0, line);
    } else {
      out.append(text);
    }
  }

  private static boolean isBlank(String text, int from) {
    return text.chars().skip(from).allMatch(TextMethods::isSpace);
  }

  private void block(char kind, int start) {
    int close = kind == '#' ? source.indexOf("#}", start) : closing(start, kind == '{' ? '}' : '%');
    if (close < 0) {
      throw TemplateException.syntax("unclosed {" + kind + " at character " + (start - 2));
    }
    char sign = close > start ? source.charAt(close - 1) : ' ';
    boolean signed = sign == '-' || (sign == '+' && kind != '{');
    String body = source.substring(start, signed ? close - 1 : close).strip();
    boolean raw = kind == '%' && body.equals("raw");
    if (kind != '#' && !raw && !body.equals("endraw")) {
      out.append('{').append(kind).append(' ').append(ExpressionText.spaced(body)).append(' ');
      out.append(kind == '{' ? "}}" : "%}");
      if (kind == '%') {
        nest(body);
      }
    }
    position = close + 2;
    lineStart = false;
    if (signed && sign == '-') {
      while (position < source.length() && TextMethods.isSpace(source.charAt(position))) {
        position++;
      }
      lineStart = position > 0 && source.charAt(position - 1) == '\n';
    } else if (!signed && !raw && kind != '{' && source.startsWith("\n", position)) {
      position++;
      lineStart = true;
    }
    if (raw) {
      raw();
    }
  }

  /// Writes the text up to the tag `endraw` as an expression.
  private void raw() {
    Matcher end = END_RAW.matcher(source);
    if (!end.find(position)) {
      throw TemplateException.syntax("unclosed raw block");
    }
    int from = out.length();
    char sign = end.group().charAt(2);
    text(source.substring(position, end.start()), '%', sign == '-' || sign == '+' ? sign : ' ');
    String text = out.substring(from);
    out.setLength(from);
    out.append("{{ '").append(text.replace("\\", "\\\\").replace("'", "\\'")).append("' }}");
    position = end.start();
  }

  /// The end of an expression or tag, outside of texts and of the braces of dicts.
  private int closing(int start, char end) {
    char quote = 0;
    int braces = 0;
    for (int i = start; i + 1 < source.length(); i++) {
      char c = source.charAt(i);
      if (quote != 0) {
        i += c == '\\' ? 1 : 0;
        quote = c == quote ? 0 : quote;
      } else if (c == '\'' || c == '"') {
        quote = c;
      } else if (c == end && source.charAt(i + 1) == '}' && braces == 0) {
        return i;
      } else if (c == '{' || c == '}') {
        braces += c == '{' ? 1 : -1;
      }
    }
    return -1;
  }

  private void nest(String body) {
    Matcher tag = TAG.matcher(body);
    if (!tag.matches()) {
      throw TemplateException.syntax("a tag without a name: " + body);
    }
    String name = tag.group(1);
    if (BLOCKS.contains(name) || (name.equals("set") && !SetTag.isAssignment(tag.group(2)))) {
      if (++depth > Budget.BLOCK_DEPTH) {
        throw TemplateException.limit("block depth", depth, Budget.BLOCK_DEPTH);
      }
    } else if (name.startsWith("end")) {
      depth--;
    }
  }
}
