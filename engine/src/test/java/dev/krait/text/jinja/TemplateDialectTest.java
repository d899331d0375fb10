package dev.krait.text.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

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
  void everySnippetDoesWhatItDoesInPython(
      String template, Map<String, Object> given, Map<String, Object> variables) {
    if (given.containsKey("rendered")) {
      assertThat(render(template, variables)).isEqualTo(given.get("rendered"));
    } else {
      assertThatThrownBy(() -> render(template, variables)).isInstanceOf(TemplateException.class);
    }
  }

  @Test
  void numbersOfAnySizeGoThroughJson() {
    Map<String, Object> variables =
        Map.of(
            "big",
            new java.math.BigInteger("123456789012345678901234567890"),
            "long",
            Long.MAX_VALUE,
            "decimal",
            new java.math.BigDecimal("1.50"),
            "float",
            2.5f);
    assertThat(
            render(
                "{{ big }} {{ long + 1 }} {{ decimal }} {{ float }} {{ big | tojson }}", variables))
        .isEqualTo(
            "123456789012345678901234567890 9223372036854775808 1.5 2.5"
                + " 123456789012345678901234567890");
  }

  @Test
  void errorsNameTheLineAndWhatIsWrong() {
    assertThatThrownBy(() -> render("a\nb\n{{ 1 + 'x' }}", Map.of()))
        .hasMessage("line 3: unsupported operand types for +: 'int' and 'str'");
    assertThatThrownBy(() -> render("a\n{{ x | nope }}", Map.of()))
        .hasMessage("line 2: no filter named 'nope'");
  }

  @Test
  void datesAreThoseOfC() {
    LocalDateTime time = LocalDateTime.of(2024, 7, 6, 15, 4, 5);
    assertThat(Strftime.format(time, "%a %A %b %B %d %-d %e %H %I %-I %j %m %M %p %S %y %Y %%"))
        .isEqualTo("Sat Saturday Jul July 06 6  6 15 03 3 188 07 04 PM 05 24 2024 %");
    assertThat(Strftime.format(time, "%F %T %c"))
        .isEqualTo("2024-07-06 15:04:05 Sat Jul  6 15:04:05 2024");
  }

  private static String render(String template, Map<String, Object> variables) {
    return Template.compile(template, Limits.DEFAULT, Clock.systemUTC()).render(variables);
  }
}
