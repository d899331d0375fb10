package dev.krait.text.jinja;

import java.time.Clock;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The functions that templates find without defining them.
final class Functions {
  private Functions() {}

  static void define(Scope scope, Clock clock, Budget budget) {
    scope.set("range", (Callable) arguments -> range(arguments, budget));
    scope.set("namespace", (Callable) Functions::namespace);
    scope.set("dict", (Callable) Functions::dict);
    scope.set("raise_exception", (Callable) arguments -> raise(arguments, budget));
    scope.set(
        "strftime_now",
        (Callable)
            arguments -> Strftime.format(LocalDateTime.now(clock), arguments.text(0, "format")));
  }

  private static Object raise(CallArguments arguments, Budget budget) {
    String message = new Printer(budget).text(arguments.get(0, "message"));
    throw new TemplateException(TemplateException.Reason.RAISED, message);
  }

  private static Object range(CallArguments arguments, Budget budget) {
    int first = Values.integer(arguments.get(0, "start"), "range");
    boolean one = arguments.positional().size() == 1;
    int start = one ? 0 : first;
    int stop = one ? first : Values.integer(arguments.get(1, "stop"), "range");
    int step = arguments.integer(2, "step", 1);
    if (step == 0) {
      throw TemplateException.evaluation("range() arg 3 must not be zero");
    }
    long distance = step > 0 ? (long) stop - start : (long) start - stop;
    long stride = Math.abs((long) step);
    long size = Math.max(0, (distance + stride - 1) / stride);
    if (size > budget.limits().rangeItems()) {
      throw TemplateException.limit("range", size, budget.limits().rangeItems());
    }
    budget.work(size);
    List<Object> items = new ArrayList<>();
    for (long i = 0; i < size; i++) {
      items.add(start + i * step);
    }
    return items;
  }

  private static Object namespace(CallArguments arguments) {
    Namespace namespace = new Namespace();
    initial(arguments).forEach((name, value) -> namespace.set(String.valueOf(name), value));
    return namespace;
  }

  private static Object dict(CallArguments arguments) {
    return initial(arguments);
  }

  private static Map<Object, Object> initial(CallArguments arguments) {
    Map<Object, Object> entries = new LinkedHashMap<>();
    for (Object value : arguments.positional()) {
      if (!(value instanceof Map<?, ?> map)) {
        throw Values.wrongType(arguments.callee(), "a dict", value);
      }
      entries.putAll(map);
    }
    entries.putAll(arguments.named());
    return entries;
  }
}
