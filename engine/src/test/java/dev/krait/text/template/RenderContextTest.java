package dev.krait.text.template;

import static org.assertj.core.api.Assertions.assertThat;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.interpret.Context;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RenderContextTest {
  private final Jinjava jinjava = new Jinjava();
  private final Context global = jinjava.getGlobalContext();
  private final RenderContext outermost = new RenderContext(jinjava, Map.of("name", "value"));

  @Test
  void takesFiltersTestsAndTagsFromTheSharedContext() {
    assertThat(outermost.getFilter("upper")).isSameAs(global.getFilter("upper")).isNotNull();
    assertThat(outermost.getExpTest("even")).isSameAs(global.getExpTest("even")).isNotNull();
    assertThat(outermost.getTag("if")).isSameAs(global.getTag("if")).isNotNull();
    assertThat(outermost).containsEntry("name", "value");
  }

  @Test
  void writesNothingToTheSharedContext() {
    Context scope = new Context(outermost);
    scope.addResolvedExpression("name");
    scope.addResolvedValue("name");
    scope.addResolvedFunction("name");
    scope.addDependency("type", "name");
    assertThat(scope.getGlobalMacro("name")).isNull();
    scope.put("other", 1);
    assertThat(global.getResolvedExpressions()).isEmpty();
    assertThat(global.getResolvedValues()).isEmpty();
    assertThat(global.getResolvedFunctions()).isEmpty();
    assertThat(global.getDependencies().isEmpty()).isTrue();
    assertThat(global.getScope()).isEmpty();
  }
}
