package dev.krait.template;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The parameters of a function that is built in.
record Signature(String function, List<String> names, int required) {
  static Signature of(String function, String parameters) {
    List<String> names = parameters.isEmpty() ? List.of() : List.of(parameters.split(" "));
    int required = (int) names.stream().filter(name -> !name.endsWith("?")).count();
    return new Signature(
        function, names.stream().map(name -> name.replace("?", "")).toList(), required);
  }

  Bound bind(Args args) {
    @Nullable Object[] values = new @Nullable Object[names.size()];
    int given = args.positional().size();
    if (given > values.length) {
      throw TemplateException.evaluation(
          function + "() takes at most " + values.length + " arguments (" + given + " given)");
    }
    for (int i = 0; i < given; i++) {
      values[i] = args.positional().get(i);
    }
    for (Map.Entry<String, Object> entry : args.named().entrySet()) {
      int at = names.indexOf(entry.getKey());
      if (at < 0 || values[at] != null) {
        throw TemplateException.evaluation(
            "%s() got %s '%s'"
                .formatted(
                    function,
                    at < 0 ? "an unexpected keyword argument" : "multiple values for argument",
                    entry.getKey()));
      }
      values[at] = entry.getValue();
    }
    for (int i = 0; i < required; i++) {
      if (values[i] == null) {
        throw TemplateException.evaluation(
            function + "() missing required argument: '" + names.get(i) + "'");
      }
    }
    return new Bound(values);
  }
}
