package dev.krait.constraint;

import org.jspecify.annotations.Nullable;

/// What the values of `format` allow, as regular expressions.
final class StringFormats {
  private static final String DATE =
      "(?!0000)(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)"
          + "|02-(?:0[1-9]|1\\d|2[0-8]))|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])"
          + "|(?:[02468][048]|[13579][26])00)-02-29)";
  private static final String TIME =
      "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";
  private static final String LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  private static final String BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
  private static final String IPV4 = BYTE + "(?:\\." + BYTE + "){3}";
  private static final String H16 = "[0-9A-Fa-f]{1,4}";
  private static final String IPV6 = ipv6();
  private static final String ESCAPE = "%[0-9A-Fa-f]{2}";
  private static final String NAME_CHARACTER = "(?:[A-Za-z0-9_]|" + ESCAPE + ")";
  private static final String VARIABLE =
      NAME_CHARACTER + "(?:\\.?" + NAME_CHARACTER + ")*(?::[1-9]\\d{0,3}|\\*)?";
  private static final String PATH_CHARACTER = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|" + ESCAPE + ")";
  private static final String TAIL =
      "(?:\\?(?:" + PATH_CHARACTER + "|[/?])*)?(?:#(?:" + PATH_CHARACTER + "|[/?])*)?";
  private static final String AUTHORITY =
      "(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|"
          + ESCAPE
          + ")*@)?(?:\\["
          + IPV6
          + "\\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|"
          + ESCAPE
          + ")*)(?::\\d*)?";
  private static final String SEGMENTS = "(?:/" + PATH_CHARACTER + "*)*";
  private static final String URI_REST =
      "(?://"
          + AUTHORITY
          + SEGMENTS
          + "|/(?:"
          + PATH_CHARACTER
          + "+"
          + SEGMENTS
          + ")?|"
          + PATH_CHARACTER
          + "+"
          + SEGMENTS
          + "|)"
          + TAIL;
  private static final String RELATIVE =
      "(?://"
          + AUTHORITY
          + SEGMENTS
          + "|/(?:"
          + PATH_CHARACTER
          + "+"
          + SEGMENTS
          + ")?|(?:[A-Za-z0-9._~!$&'()*+,;=@-]|"
          + ESCAPE
          + ")+"
          + SEGMENTS
          + "|)"
          + TAIL;
  private static final String URI = "[A-Za-z][A-Za-z0-9+.-]*:" + URI_REST;

  private StringFormats() {}

  private static String ipv6() {
    StringBuilder out = new StringBuilder("(?:(?:" + H16 + ":){7}" + H16);
    for (int before = 0; before <= 7; before++) {
      String head = before == 0 ? "" : "(?:" + H16 + ":){0," + (before - 1) + "}" + H16;
      int after = 7 - before;
      String tail = after == 0 ? "" : "(?:(?:" + H16 + ":){0," + (after - 1) + "}" + H16 + ")?";
      out.append("|").append(head).append("::").append(tail);
      if (after >= 2) {
        out.append("|" + head + "::(?:" + H16 + ":){0," + (after - 2) + "}" + IPV4);
      }
    }
    return out.append("|(?:" + H16 + ":){6}" + IPV4 + ")").toString();
  }

  /// The expression of a whole string; null for formats that limit nothing.
  static @Nullable String expression(String format) {
    return switch (format) {
      case "date" -> DATE;
      case "time" -> TIME;
      case "date-time" -> DATE + "[Tt]" + TIME;
      case "duration" ->
          "P(?:(?:\\d+Y(?:\\d+M(?:\\d+D)?)?|\\d+M(?:\\d+D)?|\\d+D)(?:T(?:\\d+H(?:\\d+M(?:\\d+S)?)?"
              + "|\\d+M(?:\\d+S)?|\\d+S))?|T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S)|\\d+W)";
      case "email" ->
          "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
              + LABEL
              + "(?:\\."
              + LABEL
              + ")*";
      case "hostname", "host-name" -> LABEL + "(?:\\." + LABEL + ")*";
      case "ipv4", "ip-address" -> IPV4;
      case "ipv6" -> IPV6;
      case "uuid" -> "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}";
      case "uri" -> URI;
      case "uri-reference" -> "(?:" + URI + "|" + RELATIVE + ")";
      case "uri-template" ->
          "(?:[!#$&(-;=?-\\[\\]_a-z~\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef]|"
              + ESCAPE
              + "|\\{[+#./;?&=,!@|]?"
              + VARIABLE
              + "(?:,"
              + VARIABLE
              + ")*\\})*";
      case "json-pointer" -> "(?:/(?:[^~/]|~[01])*)*";
      default -> null;
    };
  }
}
