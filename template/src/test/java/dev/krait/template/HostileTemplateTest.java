package dev.krait.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.template.TemplateException.Reason;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Every template here would hang, exhaust the heap or overflow the stack if it were let.
@Tag("slow")
class HostileTemplateTest {
  private static final String GROW = "{% set ns = namespace(x=%s) %}{% for i in range(100) %}";
  private static final String GROWN = "{% endfor %}";

  static Stream<Arguments> beyondALimit() {
    return Stream.of(
        Arguments.of(
            "nested loops",
            "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x"
                + "{% endfor %}{% endfor %}{% endfor %}"),
        Arguments.of("parentheses", "{{ " + "(".repeat(20000) + "1" + ")".repeat(20000) + " }}"),
        Arguments.of("negations", "{{ " + "not ".repeat(60000) + "1 }}"),
        Arguments.of("braces", "{{".repeat(100000)),
        Arguments.of("signs", "{{ " + "-".repeat(200000) + "1 }}"),
        Arguments.of("a long sum", "{{ " + "1+".repeat(100000) + "1 }}"),
        Arguments.of("a long path", "{{ a" + ".b".repeat(100000) + " }}"),
        Arguments.of("many filters", "{{ a" + "|e".repeat(100000) + " }}"),
        Arguments.of("many conditionals", "{{ " + "1 if 0 else ".repeat(15000) + "1 }}"),
        Arguments.of("deep blocks", "{% if 1 %}".repeat(5000) + "{% endif %}".repeat(5000)),
        Arguments.of("a long source", "x".repeat(300_000)),
        Arguments.of("repetition", "{{ 'x' * 1000000000 }}"),
        Arguments.of("range", "{{ range(10000000000) }}"),
        Arguments.of("doubled text", grow("'aaaaaaaaaa'", "ns.x + ns.x", "")),
        Arguments.of("doubled list", grow("[1]", "ns.x + ns.x", "")),
        Arguments.of("list of itself twice, printed", grow("[1]", "[ns.x, ns.x]", "{{ ns.x }}")),
        Arguments.of("the same as JSON", grow("[1]", "[ns.x, ns.x]", "{{ ns.x | tojson }}")),
        Arguments.of(
            "deep list",
            "{% set ns = namespace(x=[1]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}"
                + "{% endfor %}{{ ns.x }}"),
        Arguments.of("slow search", "{{ 'a' * 2000000 ~ 'b' in 'a' * 4000000 }}"),
        Arguments.of("explosive replace", "{{ ('a' * 4000000).replace('a', 'b' * 1000) }}"),
        Arguments.of("wide indent", "{{ ('a\n' * 100000) | indent(1000000) }}"),
        Arguments.of(
            "big output",
            "{% set a = 'a' * 4000000 %}{% for i in range(100) %}{{ a }}{% endfor %}"),
        Arguments.of("date format", "{{ strftime_now('%Y' * 1000000) }}"),
        Arguments.of(
            "many dates",
            "{% for i in range(99999) %}{{ strftime_now('%A%B' * 200) | length }}{% endfor %}"),
        Arguments.of("repeated list", "{{ [1] * 1000000000 }}"),
        Arguments.of("endless macro", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
        Arguments.of(
            "doubling macro",
            "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}"
                + "{{ f(20) }}"),
        Arguments.of(
            "nested calls",
            "{% macro f() %}{{ caller() }}{{ caller() }}{% endmacro %}"
                + "{% call f() %}".repeat(30)
                + "x"
                + "{% endcall %}".repeat(30)),
        Arguments.of("endless loop", "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}"),
        Arguments.of(
            "nested chains",
            "{% for i in range(99999) %}{{ "
                + "(1 < ".repeat(60)
                + "2"
                + " < 3)".repeat(60)
                + " }}{% endfor %}"),
        Arguments.of("wide number", "{{ '%999999999d' % 1 }}"),
        Arguments.of("wide text", "{{ '%-999999999s' | format('a') }}"),
        Arguments.of("many digits", "{% for i in range(99999) %}{{ '%.99f' % 1e308 }}{% endfor %}"),
        Arguments.of("explosive formats", "{{ ('%s' * 99999) % (('x' * 9999,) * 99999) }}"),
        Arguments.of("explosive fields", "{{ ('{0}' * 99999).format('x' * 99999) }}"),
        Arguments.of(
            "many batches",
            "{% for i in range(99999) %}{{ [1] | batch(99999, 'x') | list | length }}{% endfor %}"),
        Arguments.of(
            "many slices",
            "{% for i in range(99999) %}{{ [1] | slice(99999) | list | length }}{% endfor %}"),
        Arguments.of(
            "long separators",
            "{{ range(99999) | list | tojson(separators=('x' * 8000000, ':')) | length }}"),
        Arguments.of(
            "long indents", "{{ range(99999) | list | tojson(indent='x' * 8000000) | length }}"),
        Arguments.of("escapes", "{{ ('\u00e9' * 8000000) | tojson(ensure_ascii=true) }}"),
        Arguments.of("characters of a long text", "{{ ('a' * 8000000) | list | length }}"),
        Arguments.of("big join", "{{ (['a' * 100000] * 100000) | join }}"),
        Arguments.of("summed lists", "{{ ([[1] * 999] * 99999) | sum(start=[]) | length }}"),
        Arguments.of(
            "changes",
            "{% set x = 'a' * 8000000 %}{% for i in range(999) %}{{ loop.changed(x) }}"
                + "{% endfor %}"),
        Arguments.of("deep set blocks", "{% set x | f(a=1) %}".repeat(5000)));
  }

  private static String grow(String start, String step, String end) {
    return GROW.replace("%s", start) + "{% set ns.x = " + step + " %}" + GROWN + end;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("beyondALimit")
  void endsAtALimit(String name, String source) {
    assertThat(failure(source, Map.of()).reason()).as(name).isEqualTo(Reason.LIMIT);
  }

  static Stream<Arguments> wide() {
    return Stream.of(
        Arguments.of("center", "{{ 'a' | center(1000000000) }}"),
        Arguments.of("batch", "{{ [1] | batch(1000000000, 'x') | list }}"),
        Arguments.of("slice", "{{ [1] | slice(1000000000) | list }}"),
        Arguments.of("endless repetition", "{{ 'x' * 99999999999999999999 }}"),
        Arguments.of("power", "{{ 9 ** 99999 }}"),
        Arguments.of("squared number", grow("3", "ns.x * ns.x", "")),
        Arguments.of("zfill", "{{ '1'.zfill(2000000000) }}"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("wide")
  void isRefusedBeforeItCostsAnything(String name, String source) {
    assertThat(failure(source, Map.of()).reason()).as(name).isEqualTo(Reason.LIMIT);
  }

  static Stream<String> malformed() {
    return Stream.of(
        "{#".repeat(100000),
        "{% raw %}".repeat(25000),
        "{%".repeat(100000),
        "{{ '".repeat(50000),
        "{%" + " ".repeat(200000),
        "{% %}",
        "{{ }}",
        "{{-}}",
        "{%-%}",
        "{{ 1 ",
        "{% if 1 %}",
        "{% endif %}",
        "{% for %}{% endfor %}",
        "{% for a" + " ".repeat(200000) + "b %}{% endfor %}",
        "{% set a" + " ".repeat(200000) + "b = 1 %}",
        "{% call" + " ".repeat(200000) + "b %}{% endcall %}",
        "{% macro a" + " ".repeat(200000) + "b %}{% endmacro %}",
        "{{ 1" + "_1".repeat(100000) + " }}",
        "{% include 'a' %}",
        "{% extends 'a' %}",
        "{% import 'a' as b %}",
        "{% break %}",
        "{{ " + "9".repeat(100000) + " }}");
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void malformedSourceIsASyntaxErrorAtOnce(String source) {
    assertThat(failure(source, Map.of()).reason()).isEqualTo(Reason.SYNTAX);
  }

  @ParameterizedTest
  @MethodSource("escapes")
  void nothingOfJavaOrPythonIsWithinReach(String source) {
    assertThat(failure(source, Map.of("m", Map.of("a", 1))).reason()).isEqualTo(Reason.EVALUATION);
  }

  static Stream<String> escapes() {
    return Stream.of(
        "{{ ''.getClass().forName('java.lang.Runtime') }}",
        "{{ m.class.name }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ m.update({'a': 2}) }}",
        "{{ [1].append(2) }}",
        "{{ range.__globals__.x }}",
        "{{ ____int3rpr3t3r____.getContext() }}",
        "{% for x in [1] %}{{ loop.getClass() }}{% endfor %}",
        "{{ today() }}");
  }

  @Test
  void manyThreadsRenderOneTemplate() {
    Template template =
        Template.parse("{% for m in ms %}{% if m > 1 %}{{ m * n }},{% endif %}{% endfor %}");
    List<Object> numbers = List.of(1, 2, 3);
    assertThat(
            IntStream.range(0, 400)
                .parallel()
                .mapToObj(n -> template.render(Map.of("ms", numbers, "n", n)))
                .toList())
        .isEqualTo(IntStream.range(0, 400).mapToObj(n -> 2 * n + "," + 3 * n + ",").toList());
  }

  @Test
  void deepMessagesEndAtALimit() {
    Object deep = "x";
    for (int i = 0; i < 10_000; i++) {
      deep = Map.of("x", deep);
    }
    Map<String, Object> variables = new HashMap<>();
    variables.put("messages", deep);
    assertThat(failure("{{ messages }}", variables).reason()).isEqualTo(Reason.LIMIT);
  }

  static Stream<String> deep() {
    return Stream.of(
        "{% macro f() %}"
            + "{% if 1 %}".repeat(80)
            + "{{ f() }}"
            + "{% endif %}".repeat(80)
            + "{% endmacro %}{{ f() }}",
        "{% macro f() %}{% call g() %}{{ f() }}{% endcall %}{% endmacro %}"
            + "{% macro g() %}{{ caller() }}{% endmacro %}{{ f() }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}"
            + "{% endfor %}{{ ns.x | tojson }}",
        "{% for i in [1] recursive %}{{ loop([[1]]) | upper }}{% endfor %}",
        "{{ 1" + " + 1".repeat(9_999) + " }}");
  }

  @ParameterizedTest
  @MethodSource("deep")
  void depthIsEndsAtALimitBeforeASmallStackDoes(String source) throws Exception {
    FutureTask<TemplateException> task = new FutureTask<>(() -> failure(source, Map.of()));
    Thread thread = new Thread(null, task, "small", 512 * 1024);
    thread.start();
    assertThat(task.get())
        .hasMessageStartingWith("chat template depth: 501 (expected: at most 500)");
  }

  @Test
  void aMillionTokenConversationIsWithinTheLimits() {
    Map<String, Object> message = Map.of("role", "user", "content", "lorem ipsum ".repeat(160));
    String source =
        "{% for m in messages %}{% if '</think>' in m.content %}x{% endif %}"
            + "{{ m.role + m.content.split('</think>')[-1] | trim }}{% endfor %}";
    String rendered = render(source, Map.of("messages", Collections.nCopies(2000, message)));
    assertThat(rendered).hasSizeGreaterThan(3_000_000);
  }

  private static String render(String source, Map<String, Object> variables) {
    return Template.parse(source).render(variables);
  }

  private static TemplateException failure(String source, Map<String, Object> variables) {
    TemplateException failure =
        catchThrowableOfType(TemplateException.class, () -> render(source, variables));
    assertThat(failure).as("a failure").isNotNull();
    return failure;
  }
}
