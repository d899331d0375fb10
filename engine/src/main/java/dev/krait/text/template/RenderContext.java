package dev.krait.text.template;

import com.google.common.collect.SetMultimap;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.lib.fn.MacroFunction;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The outermost scope of one rendering. Filters, tests and tags come from the global context,
/// which all renderings share and none writes: what scopes tell their parents ends here. Jinjava
/// would copy the global context instead, which takes longer than to render.
final class RenderContext extends Context {
  RenderContext(Jinjava jinjava, Map<String, Object> bindings) {
    super(jinjava.getGlobalContext(), bindings, jinjava.getGlobalConfig().getDisabled());
  }

  @Override
  public void addResolvedExpression(String expression) {}

  @Override
  public void addResolvedValue(String value) {}

  @Override
  public void addResolvedFunction(String function) {}

  @Override
  public void addDependency(String type, String identification) {}

  @Override
  public void addDependencies(SetMultimap<String, String> dependencies) {}

  /// Asking the global context for a macro would make it note that it has none.
  @Override
  public @Nullable MacroFunction getGlobalMacro(String identifier) {
    return getGlobalMacros().get(identifier);
  }
}
