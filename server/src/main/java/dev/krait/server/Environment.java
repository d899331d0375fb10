package dev.krait.server;

import dev.krait.error.NearestNames;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/// Environment variables as defaults of options: `--max-sequences` is `KRAIT_MAX_SEQUENCES`. An
/// empty variable is the same as none, and so is one that Kubernetes or Docker sets in every
/// container because of a service whose name begins with `krait`.
///
/// @param variables of the process
record Environment(Map<String, String> variables) {
  private static final String PREFIX = "KRAIT_";
  private static final String LOG = "KRAIT_LOG";
  private static final Set<String> LOG_LEVELS =
      Set.of("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF");

  /// Names that are no options: of the `krait` script, of the log, of scripts that test a checkout.
  private static final Set<String> OTHERS =
      Set.of("KRAIT_JAVA_OPTIONS", LOG, "KRAIT_HOME", "KRAIT_CHECK_LOG");

  /// What a service sets beside `<NAME>_PORT`, whatever the value.
  private static final Predicate<String> OF_A_SERVICE =
      Pattern.compile(
              "KRAIT(_\\w+)?_(SERVICE_HOST|SERVICE_PORT(_\\w+)?"
                  + "|PORT_\\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
          .asMatchPredicate();

  /// `KRAIT_PORT=tcp://10.0.0.1:8000` is a service's address, not a port.
  private static final Predicate<String> ADDRESS =
      Pattern.compile("(tcp|udp|sctp)://.*").asMatchPredicate();

  /// The variable of an option, such as `--port`.
  static String variable(String option) {
    return PREFIX + option.substring(2).replace('-', '_').toUpperCase(Locale.ROOT);
  }

  /// The value of a variable; empty where it is unset, blank or of a service.
  Optional<String> value(String variable) {
    return Optional.ofNullable(variables.get(variable))
        .filter(value -> !value.isBlank() && !isOfService(variable, value));
  }

  private static boolean isOfService(String variable, String value) {
    return OF_A_SERVICE.test(variable)
        || (variable.startsWith(PREFIX) && variable.endsWith("_PORT") && ADDRESS.test(value));
  }

  /// A line about variables of services, which count as unset; empty where there are none.
  Optional<String> ignored() {
    List<String> names =
        variables.entrySet().stream()
            .filter(entry -> isOfService(entry.getKey(), entry.getValue()))
            .map(Map.Entry::getKey)
            .sorted()
            .toList();
    return names.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "ignored, for a service of Kubernetes or Docker set them: " + String.join(", ", names));
  }

  /// The first variable that nobody reads, or reads without understanding it, in words.
  ///
  /// @param options names of all options that a variable may set
  Optional<String> problem(Collection<String> options) {
    Set<String> known = new TreeSet<>(OTHERS);
    options.forEach(option -> known.add(variable(option)));
    Optional<String> level = value(LOG).filter(text -> !LOG_LEVELS.contains(upper(text)));
    if (level.isPresent()) {
      return Optional.of(
          LOG + ": " + level.get() + " (expected: one of " + new TreeSet<>(LOG_LEVELS) + ")");
    }
    return variables.keySet().stream()
        .filter(name -> name.startsWith(PREFIX) && value(name).isPresent())
        .filter(name -> !known.contains(name))
        .sorted()
        .findFirst()
        .map(name ->
            name
                + ": no such variable (expected: that of an option, such as "
                + NearestNames.of(name, known, 1).getFirst()
                + ")");
  }

  private static String upper(String text) {
    return text.strip().toUpperCase(Locale.ROOT);
  }
}
