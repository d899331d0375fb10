package dev.krait.text.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/// What Python's jinja2 prints, or that it fails, for snippets of the dialect: `dialect.json` was
/// written by jinja2 in the environment that chat templates get there. Cases marked `unsupported`
/// must be refused here, never print something else.
class TemplateDialectTest {
  @SuppressWarnings("unchecked")
  private static Map<String, Object> document() throws IOException {
    try (InputStream stream =
        TemplateDialectTest.class.getResourceAsStream("/chat_templates/dialect.json")) {
      return JsonMapper.builder().build().readValue(Objects.requireNonNull(stream), Map.class);
    }
  }

  @SuppressWarnings("unchecked")
  static Stream<Arguments> cases() throws IOException {
    Map<String, Object> document = document();
    return ((List<Map<String, Object>>) Objects.requireNonNull(document.get("cases")))
        .stream()
            .map(given -> Arguments.of(given.get("template"), given, document.get("variables")));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everySnippetDoesWhatItDoesInPythonOrIsRefused(
      String template, Map<String, Object> given, Map<String, Object> variables) {
    boolean supported = !given.containsKey("unsupported");
    if (given.containsKey("rendered") && supported) {
      assertThat(render(template, variables)).isEqualTo(given.get("rendered"));
    } else {
      assertThatThrownBy(() -> render(template, variables)).isInstanceOf(TemplateException.class);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "%Y-%m-%d | 2024-07-06",
        "%d %b %Y | 06 Jul 2024",
        "%B %d, %Y | July 06, 2024",
        "%A, %-d %B %Y %H:%M:%S | Saturday, 6 July 2024 09:05:03",
        "%-m/%-d/%y %I:%M %p, day %j of %Y, 100%% | 7/6/24 09:05 AM, day 188 of 2024, 100%"
      })
  void datesAreThoseOfPython(String format, String printed) {
    Clock clock = Clock.fixed(Instant.parse("2024-07-06T09:05:03Z"), ZoneOffset.UTC);
    PromptTemplate template = PromptTemplate.compile("{{ strftime_now(f) }}", clock);
    assertThat(template.render(Map.of("f", format))).isEqualTo(printed);
  }

  @ParameterizedTest
  @ValueSource(strings = {"%U", "%w", "%c", "%e", "%x", "%-y", "%", "%q"})
  void datesThatWouldDifferFromPythonAreRefused(String format) {
    assertThatThrownBy(() -> render("{{ strftime_now(f) }}", Map.of("f", format)))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("date format");
  }

  @Test
  void functionsOfTheEnvironmentAreDefinedUntilATemplateHidesThem() {
    assertThat(render("{{ strftime_now is defined }}{% set range = 5 %}{{ range }}", Map.of()))
        .isEqualTo("True5");
  }

  @Test
  void numbersOfAnySizeGoThroughJson() {
    Map<String, Object> variables =
        Map.of(
            "big", new BigInteger("123456789012345678901234567890"),
            "decimal", new BigDecimal("1.50"),
            "float", 2.5f);
    assertThat(render("{{ big }} {{ decimal }} {{ float }} {{ big | tojson }}", variables))
        .isEqualTo("123456789012345678901234567890 1.5 2.5 123456789012345678901234567890");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "big; 18446744073709551616",
        "big is integer; True",
        "big is float; False",
        "big | int | string | length; 20",
        "'18446744073709551616' | int == big; True",
        "'%d %5d' % (big, 3); 18446744073709551616     3",
        "big == 1.8446744073709552e19; True",
        "big - 0.0 == big; True",
        "big == next; False",
        "big < next; True",
        "[next, big, 5] | sort | first; 5",
        "next | round; 18446744073709551617",
        "{'a': big} | tojson; {\"a\": 18446744073709551616}",
      })
  void integersAbove64BitsKeepTheirDigits(String expression, String printed) {
    BigInteger big = BigInteger.ONE.shiftLeft(64);
    assertThat(
            render("{{ " + expression + " }}", Map.of("big", big, "next", big.add(BigInteger.ONE))))
        .isEqualTo(printed);
  }

  @ParameterizedTest
  @ValueSource(strings = {"big + 1", "-big", "big | abs", "big * 'a'", "[1][big]", "big is odd"})
  void integersAbove64BitsAreNotComputedWith(String expression) {
    BigInteger big = BigInteger.ONE.shiftLeft(64);
    assertThatThrownBy(() -> render("{{ " + expression + " }}", Map.of("big", big)))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("an int above 64 bits");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"map('upper')", "select", "reject", "selectattr('a')", "rejectattr('a', 'eq', 1)"})
  void nothingIsSelectedFromWhatIsFalse(String filter) {
    assertThat(
            render("{{ none | " + filter + " | list }}{{ 0 | " + filter + " | list }}", Map.of()))
        .isEqualTo("[][]");
    assertThatThrownBy(() -> render("{{ 1 | " + filter + " | list }}", Map.of()))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("int is not iterable");
  }

  @Test
  void anIntegerAboveItsRangeIsAnErrorNotAnotherNumber() {
    assertThatThrownBy(() -> render("{{ long + 1 }}", Map.of("long", Long.MAX_VALUE)))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("overflow");
  }

  @Test
  void errorsNameTheExpressionAndWhatIsWrong() {
    assertThatThrownBy(() -> render("a\nb\n{{ 1 + 'x' }}", Map.of()))
        .hasMessage("unsupported operand type(s) for +: 'int' and 'str' in {{ 1 + 'x' }}");
    assertThatThrownBy(() -> render("a\n{{ x | nope }}", Map.of()))
        .hasMessage("filter nope is not known here");
    assertThatThrownBy(() -> render("{{ raise_exception('100% no') }}", Map.of()))
        .hasMessage("100% no");
  }

  private static String render(String template, Map<String, Object> variables) {
    return PromptTemplate.compile(template, Clock.systemUTC()).render(variables);
  }
}
