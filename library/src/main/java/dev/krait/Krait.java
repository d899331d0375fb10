package dev.krait;

import dev.krait.engine.Engine;
import dev.krait.engine.EngineConfig;
import dev.krait.engine.ModelInfo;
import dev.krait.engine.Resources;
import dev.krait.engine.SpeculationMode;
import dev.krait.engine.StepListener;
import dev.krait.error.EngineException;
import dev.krait.reply.ReplyFormat;
import dev.krait.reply.ToolUse;
import dev.krait.service.Admission;
import dev.krait.service.GenerationListener;
import dev.krait.service.GenerationService;
import dev.krait.service.OutputOptions;
import dev.krait.service.OutputOptions.Replies;
import dev.krait.service.Prompt;
import dev.krait.service.PromptRequest;
import dev.krait.service.ServedModel;
import dev.krait.text.ChatTemplate;
import dev.krait.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/// A loaded model that chats and completes text in this process.
///
/// ```java
/// try (Krait krait = Krait.open(Path.of("models/krait-tiny"))) {
///   System.out.println(krait.chat("Tell me a story about a snake.").text());
/// }
/// ```
///
/// What a request leaves out comes from the model: sampling values from its
/// `generation_config.json`, end tokens from all of its files. Requests of several threads run
/// together. Any thread may call; closing ends what still runs.
public final class Krait implements AutoCloseable {
  private final Engine engine;
  private final Tokenizer tokenizer;
  private final GenerationService service;
  private final Resources resources;
  private final AtomicLong requests = new AtomicLong();

  private Krait(
      Engine engine, Tokenizer tokenizer, GenerationService service, Resources resources) {
    this.engine = engine;
    this.tokenizer = tokenizer;
    this.service = service;
    this.resources = resources;
  }

  /// Loads a checkpoint folder with the best backend at hand.
  ///
  /// @throws EngineException when it cannot be loaded, with the reason
  public static Krait open(Path folder) {
    return builder(folder).open();
  }

  /// Loads what a configuration of the engine says.
  ///
  /// @param chatTemplate a file with another template than the model's own
  /// @throws EngineException when it cannot be loaded, with the reason
  public static Krait open(EngineConfig config, Optional<Path> chatTemplate) {
    Resources resources = new Resources();
    try {
      return open(config, chatTemplate, resources);
    } catch (Throwable e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  /// Begins to say how a checkpoint folder is loaded.
  public static Builder builder(Path folder) {
    return new Builder(folder);
  }

  /// How a model is loaded.
  public static final class Builder {
    private final Path folder;
    private Consumer<EngineConfig.Builder> settings = _ -> {};
    private Optional<Path> template = Optional.empty();

    private Builder(Path folder) {
      this.folder = folder;
    }

    /// Drafts with a smaller model of the same vocabulary; the text stays the same.
    public Builder draftModel(Path draft) {
      return engine(set -> {
        set.speculation = SpeculationMode.DRAFT;
        set.draftFolder = Optional.of(draft);
      });
    }

    /// Computes on `auto`, `cpu`, `reference` or `cuda`.
    public Builder backend(String name) {
      return engine(set -> set.backend = name);
    }

    /// Renders chats with the template of a file instead of the model's own.
    public Builder chatTemplate(Path file) {
      template = Optional.of(file);
      return this;
    }

    /// Changes any setting of the engine.
    public Builder engine(Consumer<EngineConfig.Builder> changes) {
      settings = settings.andThen(changes);
      return this;
    }

    /// Loads the model.
    ///
    /// @throws EngineException when it cannot be loaded, with the reason
    public Krait open() {
      return Krait.open(EngineConfig.of(folder, settings), template);
    }
  }

  private static Krait open(EngineConfig config, Optional<Path> file, Resources resources) {
    Path tokens = config.tokens();
    if (!Files.exists(config.modelFolder().resolve("config.json"))) {
      // No model folder at all: the engine says what is there instead.
      Engine.open(config, StepListener.none(), _ -> {}).close();
    }
    Tokenizer tokenizer = resources.opened(Tokenizer.open(tokens));
    Engine engine = resources.opened(Engine.open(config, StepListener.none(), _ -> {}));
    Optional<ChatTemplate> template =
        file.map(named -> ChatTemplate.open(tokens, named)).or(() -> ChatTemplate.open(tokens));
    ServedModel model =
        new ServedModel(
            List.of("model"),
            config.modelFolder(),
            engine.model(),
            tokenizer,
            template,
            ReplyFormat.of(ReplyFormat.Names.auto(), template));
    GenerationService service =
        new GenerationService(
            model,
            engine.handle(),
            new Admission(config.maxSequences() + config.maxWaiting()),
            GenerationListener.none(),
            new SecureRandom()::nextLong);
    return new Krait(engine, tokenizer, service, resources);
  }

  /// Limits, end tokens and sampling defaults of the model.
  public ModelInfo model() {
    return engine.model();
  }

  /// How many tokens a text has, without special ones.
  public int countTokens(String text) {
    return tokenizer.encode(text, false).length;
  }

  /// Answers one message of a user.
  ///
  /// @throws EngineException as [#chat(Chat)]
  public Answer chat(String message) {
    return chat(Chat.of(message));
  }

  /// Answers a conversation.
  ///
  /// @throws EngineException INVALID_ARGUMENT for what the model cannot be asked, such as tools
  ///   that its chat template does not show, CONTEXT_LENGTH_EXCEEDED for too long a conversation,
  ///   RESOURCE_EXHAUSTED when too many requests wait
  public Answer chat(Chat chat) {
    try (AnswerStream stream = start(chat, Replies.WHOLE)) {
      return stream.whole();
    }
  }

  /// Answers a conversation while the model generates.
  ///
  /// @throws EngineException as [#chat(Chat)]
  public AnswerStream stream(Chat chat) {
    return start(chat, Replies.STREAMED);
  }

  /// Continues a text.
  ///
  /// @throws EngineException as [#complete(String, Options)]
  public Answer complete(String prompt) {
    return complete(prompt, Options.defaults());
  }

  /// Continues a text.
  ///
  /// @throws EngineException INVALID_ARGUMENT for a value out of its range, CONTEXT_LENGTH_EXCEEDED
  ///   for too long a text, RESOURCE_EXHAUSTED when too many requests wait
  public Answer complete(String prompt, Options options) {
    try (AnswerStream stream = stream(prompt, options)) {
      return stream.whole();
    }
  }

  /// Continues a text while the model generates.
  ///
  /// @throws EngineException as [#complete(String, Options)]
  public AnswerStream stream(String prompt, Options options) {
    return start(new Prompt.Text(prompt, true), options, OutputOptions.textOnly());
  }

  private AnswerStream start(Chat chat, Replies replies) {
    Prompt prompt =
        new Prompt.Chat(
            chat.messages().stream().map(Message::fields).toList(),
            new ToolUse(
                chat.tools().stream().map(Tool::definition).toList(),
                chat.choice(),
                chat.parallelCalls()),
            chat.variables(),
            true,
            false,
            false,
            Optional.empty());
    return start(prompt, chat.options(), OutputOptions.textOnly().with(replies));
  }

  private AnswerStream start(Prompt prompt, Options options, OutputOptions output) {
    PromptRequest request =
        new PromptRequest(
            "library-" + requests.incrementAndGet(),
            Optional.empty(),
            List.of(prompt),
            1,
            options.sampling(),
            options.stop(),
            output,
            OptionalInt.empty(),
            0,
            options.timeout(),
            options.structure(),
            "",
            Optional.empty());
    return new AnswerStream(service.start(request));
  }

  /// Ends what still runs and frees the model.
  @Override
  public void close() {
    resources.close();
  }
}
