package dev.krait.server.hub;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A model of a hub: `owner/name`, or `owner/name@revision` with a branch, a tag or a commit.
///
/// @param id `owner/name`
/// @param revision what follows the `@`
public record ModelName(String id, String revision) {
  /// The revision unless one is named.
  public static final String MAIN = "main";

  private static final String PART = "[A-Za-z0-9](?:[\\w.-]{0,94}[\\w])?";
  private static final Pattern FORM =
      Pattern.compile("(" + PART + "/" + PART + ")(?:@(\\w[\\w./-]{0,200}))?");

  /// Reads a name; empty when the text is none, such as a path.
  public static Optional<ModelName> parse(String text) {
    Matcher matcher = FORM.matcher(text);
    // The Python client's rule: its folders separate the parts by two hyphens.
    if (!matcher.matches() || text.contains("--") || text.contains("..")) {
      return Optional.empty();
    }
    String revision = matcher.group(2);
    return Optional.of(new ModelName(matcher.group(1), revision == null ? MAIN : revision));
  }

  @Override
  public String toString() {
    return revision.equals(MAIN) ? id : id + "@" + revision;
  }
}
