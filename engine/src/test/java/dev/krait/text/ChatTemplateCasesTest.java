package dev.krait.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

class ChatTemplateCasesTest {
  record Case(String name, ChatTemplate template, Map<String, Object> body) {
    @Override
    public String toString() {
      return name;
    }
  }

  @SuppressWarnings("unchecked")
  static List<Case> cases() throws IOException {
    Map<String, Object> document;
    try (InputStream stream =
        ChatTemplateCasesTest.class.getResourceAsStream("/chat_templates/cases.json")) {
      document = JsonMapper.builder().build().readValue(Objects.requireNonNull(stream), Map.class);
    }
    LocalDateTime now = LocalDateTime.parse(text(document, "now"));
    Clock clock = Clock.fixed(now.toInstant(ZoneOffset.UTC), ZoneOffset.UTC);
    List<Case> cases = new ArrayList<>();
    for (Map<String, Object> template : list(document, "templates")) {
      ChatTemplate compiled =
          ChatTemplate.of(text(template, "template"), specialTokens(template), clock);
      for (Map<String, Object> body : list(template, "cases")) {
        cases.add(new Case(template.get("name") + "/" + body.get("name"), compiled, body));
      }
    }
    return cases;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyCaseRendersExactlyOrRaisesItsError(Case given) {
    if (given.body().containsKey("rendered")) {
      assertThat(render(given)).isEqualTo(given.body().get("rendered"));
    } else {
      assertThatThrownBy(() -> render(given))
          .isInstanceOfSatisfying(
              EngineException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT))
          .hasMessageContaining((String) given.body().get("error"));
    }
  }

  @SuppressWarnings("unchecked")
  private static String render(Case given) {
    Map<String, Object> kwargs = new HashMap<>((Map<String, Object>) given.body().get("kwargs"));
    boolean generation = Boolean.TRUE.equals(kwargs.remove("add_generation_prompt"));
    boolean continued = Boolean.TRUE.equals(kwargs.remove("continue_final_message"));
    Optional<List<Object>> tools = Optional.ofNullable((List<Object>) kwargs.remove("tools"));
    return given
        .template()
        .render(list(given.body(), "messages"), generation, continued, tools, kwargs);
  }

  private static Map<String, Object> specialTokens(Map<String, Object> template) {
    Map<String, Object> tokens = new HashMap<>(template);
    tokens.keySet().retainAll(Set.of("bos_token", "eos_token"));
    return tokens;
  }

  private static String text(Map<String, Object> object, String name) {
    return (String) Objects.requireNonNull(object.get(name));
  }

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> list(Map<String, Object> object, String name) {
    return (List<Map<String, Object>>) Objects.requireNonNull(object.get(name));
  }
}
