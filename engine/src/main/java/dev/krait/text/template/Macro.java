package dev.krait.text.template;

import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.tree.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// A macro, or the body of a call tag; it sees the variables of the place where it is defined.
record Macro(Signature signature, List<Node> body, Context scope) implements Invocable {
  /// The name under which a macro reaches the body of the call tag.
  static final String CALLER = "caller";

  /// A parameter and the expression of its default.
  record Parameter(String name, @Nullable String otherwise) {}

  /// `name(a, b=2)`.
  record Signature(String name, List<Parameter> parameters) {
    private static final Pattern FORM =
        Pattern.compile("\\s*(\\w+)\\s*\\((.*)\\)\\s*", Pattern.DOTALL);

    static Signature of(String text) {
      Matcher form = FORM.matcher(text);
      if (!form.matches()) {
        throw TemplateException.syntax("macro " + text + " (expected: name(parameters))");
      }
      List<Parameter> parameters = new ArrayList<>();
      for (String part : ExpressionText.split(form.group(2))) {
        int equals = part.indexOf('=');
        String name = (equals < 0 ? part : part.substring(0, equals)).strip();
        if (!name.matches("[A-Za-z_]\\w*")) {
          throw TemplateException.syntax("macro parameter " + part + " (expected: a name)");
        }
        parameters.add(new Parameter(name, equals < 0 ? null : part.substring(equals + 1)));
      }
      return new Signature(form.group(1), parameters);
    }

    List<String> defaults() {
      return parameters.stream().map(Parameter::otherwise).filter(text -> text != null).toList();
    }

    private Set<String> names() {
      return parameters.stream().map(Parameter::name).collect(Collectors.toSet());
    }
  }

  @Override
  public Object call(Args args) {
    List<Parameter> parameters = signature.parameters();
    Set<String> names = signature.names();
    names.add(CALLER);
    args.expect(signature.name(), parameters.size(), names);
    return PromptInterpreter.current()
        .within(
            scope,
            inside -> {
              inside.assign(CALLER, args.named().get(CALLER));
              for (int i = 0; i < parameters.size(); i++) {
                Parameter parameter = parameters.get(i);
                if (args.named().containsKey(parameter.name()) && i < args.positional().size()) {
                  throw TemplateException.evaluation(
                      signature.name() + " got " + parameter.name() + " twice");
                }
                String otherwise = parameter.otherwise();
                Object value =
                    otherwise == null || args.has(i, parameter.name())
                        ? args.get(i, parameter.name())
                        : inside.evaluate(otherwise);
                inside.assign(parameter.name(), value);
              }
              return Tags.render(body, inside);
            });
  }
}
