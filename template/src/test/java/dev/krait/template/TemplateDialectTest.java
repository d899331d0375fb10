package dev.krait.template;

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

/// What Python's jinja2 prints, or that it fails: the files were written by jinja2 in the
/// environment that chat templates get there, `generated.json` by `record.py` beside it.
class TemplateDialectTest {
  @SuppressWarnings("unchecked")
  private static Stream<Arguments> read(String file) {
    try (InputStream stream = TemplateDialectTest.class.getResourceAsStream("/dialect/" + file)) {
      Map<String, Object> document =
          JsonMapper.builder().build().readValue(Objects.requireNonNull(stream), Map.class);
      Object variables = document.get("variables");
      return ((List<Map<String, Object>>) Objects.requireNonNull(document.get("cases")))
          .stream()
              .map(given ->
                  Arguments.of(
                      given.get("template"), given, given.getOrDefault("variables", variables)));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static Stream<Arguments> cases() {
    return Stream.of("dialect.json", "generated.json").flatMap(TemplateDialectTest::read);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everySnippetDoesWhatItDoesInPython(
      String template, Map<String, Object> given, Map<String, Object> variables) {
    if (given.containsKey("rendered")) {
      assertThat(render(template, variables)).isEqualTo(given.get("rendered"));
    } else {
      assertThatThrownBy(() -> render(template, variables)).isInstanceOf(TemplateException.class);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      ignoreLeadingAndTrailingWhitespace = false,
      value = {
        "%Y-%m-%d|2024-07-06",
        "%d %b %Y|06 Jul 2024",
        "%B %d, %Y|July 06, 2024",
        "%A, %-d %B %Y %H:%M:%S|Saturday, 6 July 2024 09:05:03",
        "%-m/%-d/%y %I:%M %p, day %j of %Y, 100%%|7/6/24 09:05 AM, day 188 of 2024, 100%",
        "%U %w %c %e %x|26 6 Sat Jul  6 09:05:03 2024  6 07/06/24",
        "%-y %V %G %u %W|24 27 2024 6 27",
        "%D %F %T %R %f|07/06/24 2024-07-06 09:05:03 09:05 000000",
        "%-e %z%Z.|6 ."
      })
  void datesAreThoseOfPython(String format, String printed) {
    Clock clock = Clock.fixed(Instant.parse("2024-07-06T09:05:03Z"), ZoneOffset.UTC);
    assertThat(Template.parse("{{ strftime_now(f) }}").render(Map.of("f", format), clock))
        .isEqualTo(printed);
  }

  @ParameterizedTest
  @ValueSource(strings = {"%", "%q", "%-", "%5d"})
  void datesThatAreNotKnownAreRefused(String format) {
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
  void rangesHaveTheMethodsOfSequences() {
    assertThat(render("{{ range(4).count(3) }}{{ range(2, 9, 3).index(5) }}", Map.of()))
        .isEqualTo("11");
  }

  @Test
  void numbersOfAnySizeAreTaken() {
    Map<String, Object> variables =
        Map.of(
            "big", new BigInteger("123456789012345678901234567890"),
            "decimal", new BigDecimal("1.50"),
            "float", 2.5f);
    assertThat(render("{{ big + 1 }} {{ decimal }} {{ float }} {{ big | tojson }}", variables))
        .isEqualTo("123456789012345678901234567891 1.5 2.5 123456789012345678901234567890");
  }

  @Test
  void whatIsNoJsonValueIsRefusedByTheNameOfItsType() {
    assertThatThrownBy(() -> render("x", Map.of("clock", Clock.systemUTC())))
        .hasMessageContaining("java.time.Clock");
  }

  @Test
  void errorsNameTheLine() {
    assertThatThrownBy(() -> render("a\nb\n{{ 1 + 'x' }}", Map.of()))
        .hasMessage("unsupported operand type(s) for +: 'int' and 'str' (line 3)");
    assertThatThrownBy(() -> render("a\n{{ x | nope }}", Map.of()))
        .hasMessage("No filter named 'nope'. (line 2)");
    assertThatThrownBy(
            () -> render("{% macro f() %}\n{{ 1 }}{% endmacro %}\n{{ f() }}{{ 1 / 0 }}", Map.of()))
        .hasMessage("division by zero (line 3)");
    assertThatThrownBy(() -> render("{% if 1 %}\n\n{% for %}", Map.of()))
        .hasMessage("can't assign to 'end of statement block' (line 3)");
    assertThatThrownBy(() -> render("{{ raise_exception('100% no') }}", Map.of()))
        .hasMessage("100% no")
        .isInstanceOfSatisfying(TemplateException.class, e -> assertThat(e.line()).isEqualTo(1));
  }

  private static String render(String template, Map<String, Object> variables) {
    return Template.parse(template).render(variables);
  }
}
