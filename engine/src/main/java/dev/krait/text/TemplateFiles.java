package dev.krait.text;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// The chat templates of a model folder by their names, from the places where transformers keeps
/// them.
final class TemplateFiles {
  /// The name of a template that has none.
  static final String DEFAULT = "default";

  private static final String SUFFIX = ".jinja";

  private TemplateFiles() {}

  /// Reads `chat_template.jinja`, or without it `chat_template` of the configuration, which is a
  /// text or a list of names and texts, and the files of `additional_chat_templates/`, whose names
  /// are those of their templates and which come before the configuration.
  static Map<String, String> read(Path folder, JsonNode config) {
    Path file = folder.resolve("chat_template.jinja");
    Map<String, String> templates = new LinkedHashMap<>();
    if (Files.exists(file)) {
      templates.put(DEFAULT, text(file));
    } else {
      templates.putAll(named(folder, config.path("chat_template")));
    }
    for (Path more : files(folder.resolve("additional_chat_templates"))) {
      String name = more.getFileName().toString();
      templates.put(name.substring(0, name.length() - SUFFIX.length()), text(more));
    }
    return Collections.unmodifiableMap(templates);
  }

  private static Map<String, String> named(Path folder, JsonNode given) {
    if (given.isMissingNode() || given.isNull()) {
      return Map.of();
    }
    if (given.isString()) {
      return Map.of(DEFAULT, given.stringValue());
    }
    Map<String, String> templates = new LinkedHashMap<>();
    if (given.isArray()) {
      for (JsonNode entry : given) {
        put(folder, templates, entry.path("name"), entry.path("template"));
      }
      return templates;
    }
    throw wrong(folder, given);
  }

  private static void put(
      Path folder, Map<String, String> templates, JsonNode name, JsonNode template) {
    if (!name.isString() || !template.isString()) {
      throw wrong(folder, template);
    }
    templates.put(name.stringValue(), template.stringValue());
  }

  private static EngineException wrong(Path folder, JsonNode given) {
    return EngineException.invalidCheckpoint(
        folder.resolve("tokenizer_config.json")
            + ": chat_template: "
            + given.getNodeType().toString().toLowerCase(java.util.Locale.ROOT)
            + " (expected: a text, or a list of objects with the texts name and template)");
  }

  private static List<Path> files(Path folder) {
    List<Path> files = new ArrayList<>();
    if (Files.isDirectory(folder)) {
      try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, "*" + SUFFIX)) {
        found.forEach(files::add);
      } catch (IOException e) {
        throw unreadable(folder, e);
      }
    }
    Collections.sort(files);
    return files;
  }

  static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static EngineException unreadable(Path file, IOException e) {
    return new EngineException(ErrorCode.INVALID_CHECKPOINT, file + ": " + e.getMessage(), e);
  }
}
