package dev.krait.template;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The variables of a block, within those around it.
final class Scope {
  private final Run run;
  private final @Nullable Scope parent;
  private final Map<String, Object> variables = new HashMap<>();

  Scope(Run run) {
    this.run = run;
    this.parent = null;
  }

  Scope(Scope parent) {
    this.run = parent.run;
    this.parent = parent;
  }

  Run run() {
    return run;
  }

  Scope root() {
    Scope scope = this;
    while (scope.parent != null) {
      scope = scope.parent;
    }
    return scope;
  }

  Object get(String name) {
    for (Scope scope = this; scope != null; scope = scope.parent) {
      Object value = scope.variables.get(name);
      if (value != null) {
        return value;
      }
    }
    Object function = Functions.ALL.get(name);
    return function == null ? Undefined.name(name) : function;
  }

  void set(String name, Object value) {
    variables.put(name, value);
  }

  /// Where a value goes: to a name, to an attribute of a namespace, or to several of these.
  sealed interface Target {
    record ToName(String name) implements Target {}

    record ToAttribute(String name, String attribute) implements Target {}

    record ToAll(List<Target> targets) implements Target {}
  }

  void assign(Target target, Object value) {
    switch (target) {
      case Target.ToName(String name) -> set(name, value);
      case Target.ToAttribute(String name, String attribute) -> {
        if (!(get(name) instanceof Namespace namespace)) {
          throw TemplateException.evaluation("cannot assign attribute on non-namespace object");
        }
        namespace.set(attribute, value);
      }
      case Target.ToAll(List<Target> targets) -> {
        List<Object> values = Values.list(run, value);
        if (values.size() != targets.size()) {
          throw TemplateException.evaluation(
              (values.size() < targets.size() ? "not enough" : "too many")
                  + " values to unpack (expected "
                  + targets.size()
                  + ", got "
                  + values.size()
                  + ")");
        }
        for (int i = 0; i < targets.size(); i++) {
          assign(targets.get(i), values.get(i));
        }
      }
    }
  }
}
