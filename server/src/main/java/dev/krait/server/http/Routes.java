package dev.krait.server.http;

import static dev.krait.server.http.HttpRouter.Access.ADMIN;
import static dev.krait.server.http.HttpRouter.Access.API;
import static dev.krait.server.http.HttpRouter.Access.OPEN;

import dev.krait.engine.EngineStatus;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.anthropic.Messages;
import dev.krait.server.openai.ChatJson;
import dev.krait.server.openai.CompletionJson;
import dev.krait.server.openai.ItemAnswer;
import dev.krait.server.openai.OpenAiJson;
import dev.krait.server.openai.OpenAiParser;
import dev.krait.server.openai.Responses;
import dev.krait.server.openai.SpeculationJson;
import dev.krait.server.openai.TokenNames;
import dev.krait.server.service.ApiKeys;
import dev.krait.server.service.TextPool;
import dev.krait.service.Admission;
import dev.krait.service.GenerationService;
import dev.krait.speculation.SpeculationReport;
import dev.krait.text.Tokenizer;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/// The route tables: while the server starts, serves, and drains.
public final class Routes {
  private static final String TEXT = "text/plain; charset=utf-8";

  private Routes() {}

  /// What the serving routes need.
  ///
  /// @param service generations
  /// @param pool where bodies are parsed and text is encoded
  /// @param admission the door
  /// @param status the engine at a glance
  /// @param speculation what `/v1/speculation` answers, JSON; empty when nothing is drafted
  /// @param metrics answers `/metrics`
  /// @param listener hears of finished exchanges
  /// @param web which web pages may call
  /// @param keys of which requests must bring one, but for probes of health
  /// @param publicMetrics whether `/metrics` can be read without a key
  /// @param trustRequestTemplates whether a request may bring its own chat template
  /// @param version of the server
  /// @param clock time of day for answers
  public record Parts(
      GenerationService service,
      TextPool pool,
      Admission admission,
      Supplier<EngineStatus> status,
      Supplier<Optional<SpeculationReport>> speculation,
      HttpHandler metrics,
      HttpListener listener,
      WebAccess web,
      ApiKeys keys,
      boolean publicMetrics,
      boolean trustRequestTemplates,
      String version,
      InstantSource clock) {

    /// The same over another service, open to everybody and unheard.
    public Parts quiet(GenerationService other) {
      return new Parts(
          other,
          pool,
          admission,
          status,
          speculation,
          metrics,
          (_, _, _) -> {},
          web,
          ApiKeys.none(),
          true,
          false,
          version,
          clock);
    }
  }

  /// Routes of a server that is not ready: health says 503, and so does everything else.
  public static HttpRouter starting(WebAccess web) {
    return unavailable(ApiKeys.none(), web, "server: loading the model (expected: try again soon)")
        .build();
  }

  /// Routes of a server that takes nothing new and finishes what it has.
  public static HttpRouter draining(Parts parts) {
    return operations(
            unavailable(
                parts.keys(), parts.web(), "server: draining (expected: a server that stays)"),
            parts)
        .build();
  }

  private static HttpRouter.Builder unavailable(ApiKeys keys, WebAccess web, String why) {
    HttpHandler refusal =
        exchange -> {
          throw new EngineException(ErrorCode.UNAVAILABLE, why);
        };
    return HttpRouter.builder(keys, web, (_, _, _) -> {})
        .on(OPEN, "GET", "/livez", Routes::alive)
        .on(OPEN, "GET", "/*", refusal)
        .on(OPEN, "POST", "/*", refusal);
  }

  /// The process answers; whether it can generate is another question.
  private static void alive(HttpExchange exchange) {
    exchange.respond(200, TEXT, new byte[0], Map.of());
  }

  /// Routes of a server that serves.
  public static HttpRouter serving(Parts parts) {
    GenerationService service = parts.service();
    OpenAiParser parser = new OpenAiParser(parts.trustRequestTemplates());
    TokenNames names = new TokenizerNames(service.model().tokenizer());
    ModelsHandler models = new ModelsHandler(service.model(), parts.clock().instant());
    TokensHandler tokens =
        new TokensHandler(service.model(), service.encoder(), parts.pool(), parser, names);
    HttpHandler completions =
        new GenerateHandler(
            service, parts.pool(), new CompletionJson(parser), names, parts.clock());
    HttpHandler chat =
        new GenerateHandler(service, parts.pool(), new ChatJson(parser), names, parts.clock());
    Messages messages = new Messages(parser);
    HttpHandler health = exchange -> health(exchange, parts);
    HttpRouter.Builder routes =
        HttpRouter.builder(parts.keys(), parts.web(), parts.listener())
            .on(API, "POST", "/v1/completions", completions)
            .on(API, "POST", "/v1/chat/completions", chat)
            .on(API, "POST", "/v1/responses", items(parts, new Responses(parser)))
            .on(API, "GET", "/v1/responses/*", Routes::noResponse)
            .on(API, "DELETE", "/v1/responses/*", Routes::noResponse)
            .on(API, "POST", "/v1/messages", items(parts, messages))
            .on(
                API,
                "POST",
                "/v1/messages/count_tokens",
                exchange -> tokens.count(exchange, messages))
            .on(API, "POST", "/v1/embeddings", Routes::noEmbeddings)
            .on(API, "GET", "/v1/models", models::list)
            .on(API, "GET", "/v1/models/*", models::one)
            .on(API, "GET", SessionsHandler.PATH, exchange -> sessions(parts).list(exchange))
            .on(API, "GET", SessionsHandler.PATH + "/*", exchange -> sessions(parts).get(exchange))
            .on(API, "PUT", SessionsHandler.PATH + "/*", exchange -> sessions(parts).put(exchange))
            .on(
                API,
                "DELETE",
                SessionsHandler.PATH + "/*",
                exchange -> sessions(parts).delete(exchange))
            .on(API, "POST", SessionsHandler.PATH + "/*", exchange -> sessions(parts).act(exchange))
            .on(API, "GET", "/v1/speculation", exchange -> speculation(exchange, parts))
            .on(API, "POST", "/tokenize", tokens::tokenize)
            .on(API, "POST", "/detokenize", tokens::detokenize)
            .on(API, "GET", "/tokenizer_info", tokens::info)
            .on(OPEN, "GET", "/", new PageHandler())
            .on(OPEN, "GET", "/health", health)
            .on(OPEN, "GET", "/readyz", health)
            .on(OPEN, "GET", "/livez", Routes::alive)
            .on(OPEN, "GET", "/ping", health)
            .on(OPEN, "POST", "/ping", health);
    return operations(routes, parts).build();
  }

  private static HttpHandler items(Parts parts, ItemAnswer.Endpoint endpoint) {
    return new ItemsHandler(parts.service(), parts.pool(), endpoint, parts.clock());
  }

  private static SessionsHandler sessions(Parts parts) {
    return new SessionsHandler(parts.service().sessions());
  }

  private static void noResponse(HttpExchange exchange) {
    throw new EngineException(
        ErrorCode.NOT_FOUND,
        "response_id",
        "response_id: no responses are kept (expected: the whole conversation as input)");
  }

  private static void noEmbeddings(HttpExchange exchange) {
    throw EngineException.unsupported("path", "/v1/embeddings", "an endpoint that generates");
  }

  /// What operators ask a server, also while it drains.
  private static HttpRouter.Builder operations(HttpRouter.Builder routes, Parts parts) {
    return routes
        .on(
            API,
            "GET",
            "/version",
            exchange -> exchange.respondJson(one("version", parts.version())))
        .on(ADMIN, "GET", "/load", exchange -> load(exchange, parts.admission()))
        .on(ADMIN, "POST", "/reset_prefix_cache", exchange -> reset(exchange, parts.service()))
        .on(parts.publicMetrics() ? OPEN : ADMIN, "GET", "/metrics", parts.metrics());
  }

  private static void health(HttpExchange exchange, Parts parts) {
    if (parts.status().get().failed()) {
      throw new EngineException(ErrorCode.UNAVAILABLE, "engine: failed (expected: a restart)");
    }
    if (parts.admission().isDraining()) {
      throw new EngineException(ErrorCode.UNAVAILABLE, "server: draining");
    }
    exchange.respond(200, TEXT, new byte[0], Map.of());
  }

  private static void speculation(HttpExchange exchange, Parts parts) {
    SpeculationReport report =
        parts
            .speculation()
            .get()
            .orElseThrow(() ->
                new EngineException(
                    ErrorCode.NOT_FOUND,
                    "path",
                    "path: nothing is drafted (expected: --speculation ngram or draft)"));
    exchange.respondJson(SpeculationJson.write(report));
  }

  private static void reset(HttpExchange exchange, GenerationService service) {
    int freed = service.clearPrefixes();
    exchange.respondJson(
        OpenAiJson.write(json -> {
          json.writeStartObject();
          json.writeNumberProperty("freed", freed);
          json.writeEndObject();
        }));
  }

  private static void load(HttpExchange exchange, Admission admission) {
    int requests = admission.requests();
    exchange.respondJson(
        OpenAiJson.write(json -> {
          json.writeStartObject();
          json.writeNumberProperty("server_load", requests);
          json.writeEndObject();
        }));
  }

  private static byte[] one(String name, String value) {
    return OpenAiJson.write(json -> {
      json.writeStartObject();
      json.writeStringProperty(name, value);
      json.writeEndObject();
    });
  }

  /// Texts of single tokens, from the tokenizer.
  private record TokenizerNames(Tokenizer tokenizer) implements TokenNames {
    @Override
    public String text(int id) {
      return tokenizer.tokenText(id);
    }

    @Override
    public byte[] bytes(int id) {
      return tokenizer.tokenBytes(id);
    }
  }
}
