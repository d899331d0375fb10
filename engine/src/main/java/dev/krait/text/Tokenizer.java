package dev.krait.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Text to token ids and back, with the `tokenizer.json` of a checkpoint.
///
/// Any number of threads may use one tokenizer; [#close] waits for calls that are running, and
/// later calls fail with UNAVAILABLE. Opening never reaches for the network. The native library is
/// unpacked to `~/.cache/krait`, or to `krait` in the folder that the environment variable
/// `ENGINE_CACHE_DIR` names.
public final class Tokenizer implements AutoCloseable {
  /// How much text one call takes unless told otherwise: 4 MiB of UTF-8, a few seconds of work.
  public static final int DEFAULT_MAX_INPUT_BYTES = 4 * 1024 * 1024;

  private final Vocabulary vocabulary;
  private final TokenCodec codec;
  private final TokenizerConfig config;
  private final int maxCharactersPerToken;
  private final int maxInputBytes;
  private final HuggingFaceTokenizer library;
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  private Tokenizer(
      TokenizerFile file, TokenizerConfig config, HuggingFaceTokenizer library, int maxInputBytes) {
    this.vocabulary = file.vocabulary();
    this.codec = file.codec();
    this.maxCharactersPerToken = file.vocabulary().longest() * (file.normalizes() ? 2 : 1);
    this.config = config;
    this.library = library;
    this.maxInputBytes = Math.min(maxInputBytes, file.maxCharacters());
  }

  /// Refuses a model folder without `tokenizer.json`, before anything large is loaded.
  ///
  /// @throws EngineException INVALID_CHECKPOINT that says what is there instead
  public static void requireFile(Path modelFolder) {
    TokenizerFile.require(modelFolder.resolve("tokenizer.json"));
  }

  /// Opens the tokenizer of a model folder with the default limit on input.
  public static Tokenizer open(Path modelFolder) {
    return open(modelFolder, DEFAULT_MAX_INPUT_BYTES);
  }

  /// Opens the tokenizer of a model folder: `tokenizer.json`, plus the begin and end tokens and the
  /// added tokens of `tokenizer_config.json` and `special_tokens_map.json` where they exist.
  ///
  /// @param maxInputBytes the longest text to encode, in bytes of UTF-8
  /// @throws EngineException INVALID_CHECKPOINT for a missing or broken file, which it names
  public static Tokenizer open(Path modelFolder, int maxInputBytes) {
    TokenizerConfig config = TokenizerConfig.read(modelFolder);
    Path path = modelFolder.resolve("tokenizer.json");
    TokenizerFile file = TokenizerFile.read(path, config);
    try {
      return new Tokenizer(file, config, TokenizerLibrary.open(file.bytes()), maxInputBytes);
    } catch (IOException | RuntimeException e) {
      throw new EngineException(ErrorCode.INVALID_CHECKPOINT, path + ": " + e.getMessage(), e);
    }
  }

  /// Ids of the tokens that `tokenizer_config.json` or `special_tokens_map.json` of a model folder
  /// call the end of a sequence; none where the folder has no `tokenizer.json`. Loads no native
  /// library.
  ///
  /// @throws EngineException INVALID_CHECKPOINT for a broken file, which it names
  public static List<Integer> endTokenIds(Path modelFolder) {
    TokenizerConfig config = TokenizerConfig.read(modelFolder);
    Path path = modelFolder.resolve("tokenizer.json");
    if (config.endTokens().isEmpty() || !Files.exists(path)) {
      return List.of();
    }
    Vocabulary vocabulary = TokenizerFile.read(path, config).vocabulary();
    return config.endTokens().stream()
        .flatMapToInt(token -> vocabulary.idOf(token).stream())
        .boxed()
        .toList();
  }

  /// The token ids of a text; never cut, never padded. Special tokens that the text spells out are
  /// recognised. A lone surrogate, which UTF-8 cannot hold, counts as U+FFFD.
  ///
  /// @param addSpecialTokens whether to add what the tokenizer puts round a text, such as a begin
  ///   token; a rendered chat template has its own
  /// @throws EngineException INVALID_ARGUMENT for a text beyond the limit
  public int[] encode(String text, boolean addSpecialTokens) {
    long bytes = utf8Bytes(text);
    if (bytes > maxInputBytes) {
      throw EngineException.invalidArgument(
          "text", bytes + " bytes", "at most " + maxInputBytes + " bytes");
    }
    long[] ids = shared(() -> library.encode(wellFormed(text), addSpecialTokens, false).getIds());
    int[] result = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      result[i] = Math.toIntExact(ids[i]);
    }
    return result;
  }

  /// The text of `ids[from..to)`. Bytes that are not a character show as U+FFFD.
  ///
  /// @throws EngineException INVALID_ARGUMENT for an id outside of the vocabulary
  public String decode(int[] ids, int from, int to, boolean skipSpecialTokens) {
    Objects.checkFromToIndex(from, to, ids.length);
    long[] wide = new long[to - from];
    for (int i = from; i < to; i++) {
      wide[i - from] = checkedId(ids[i]);
    }
    return shared(() -> library.decode(wide, skipSpecialTokens));
  }

  /// The text of tokens that follow others: a first space, for instance, belongs to it then.
  ///
  /// @param before what comes before; only its end is looked at
  public String decodeAfter(int[] before, int[] ids, boolean skipSpecialTokens) {
    int[] context = IncrementalDecoder.context(this, before, skipSpecialTokens);
    int[] all = Arrays.copyOf(context, context.length + ids.length);
    System.arraycopy(ids, 0, all, context.length, ids.length);
    String known = decode(context, 0, context.length, skipSpecialTokens);
    String text = decode(all, 0, all.length, skipSpecialTokens);
    // Where the tokens complete a character that was broken off, that is the part without it.
    return text.startsWith(known)
        ? text.substring(known.length())
        : decode(ids, 0, ids.length, skipSpecialTokens);
  }

  /// The text of one token as it stands inside of a longer text, its leading space included. Bytes
  /// that are only part of a character show as U+FFFD; [#tokenBytes] has them exactly.
  public String tokenText(int id) {
    return new String(tokenBytes(id), StandardCharsets.UTF_8);
  }

  /// The bytes of one token; empty for an id without a token.
  public byte[] tokenBytes(int id) {
    checkedId(id);
    if (codec.kind() == TokenCodec.Kind.OTHER) {
      return shared(() -> library.decode(new long[] {id}, false)).getBytes(StandardCharsets.UTF_8);
    }
    return codec.bytes(id);
  }

  /// The bytes of all tokens by id; none (null) for ids without a token and for special ones, which
  /// are no text.
  public byte[] @Nullable [] textTokens() {
    byte[] @Nullable [] tokens = new byte[vocabSize()][];
    for (int id = 0; id < tokens.length; id++) {
      tokens[id] = has(id) && !isSpecial(id) ? tokenBytes(id) : null;
    }
    return tokens;
  }

  /// The highest id that the tokenizer knows, plus one. A model may have more rows.
  public int vocabSize() {
    return vocabulary.size();
  }

  /// An upper bound of how many characters of a text one token can stand for: those of the longest
  /// spelling, and twice as many where a normaliser may shorten the text first (a mathematical
  /// letter of two characters becomes a Latin one).
  public int maxCharactersPerToken() {
    return maxCharactersPerToken;
  }

  /// The longest text that it encodes, in bytes of UTF-8.
  public int maxInputBytes() {
    return maxInputBytes;
  }

  /// Whether decoding may skip the token. False for ids outside of the vocabulary.
  public boolean isSpecial(int id) {
    return vocabulary.isSpecial(id);
  }

  /// The id of a token, spelled as in the vocabulary.
  public OptionalInt idOf(String token) {
    return vocabulary.idOf(token);
  }

  /// The text of the token that begins a sequence, where the checkpoint names one.
  public Optional<String> bosToken() {
    return config.bosToken();
  }

  /// The text of the token that ends a sequence, where the checkpoint names one.
  public Optional<String> eosToken() {
    return config.eosToken();
  }

  /// Texts of the special tokens that the checkpoint names, and lists of them, by the names that
  /// chat templates use: `eos_token`, `additional_special_tokens`.
  public Map<String, Object> specialTokens() {
    return config.specialTokens();
  }

  /// A hash of all tokens and their ids, equal for tokenizers whose ids mean the same.
  public String fingerprint() {
    return vocabulary.fingerprint();
  }

  /// The first token on which two vocabularies differ, in words; empty when they are equal.
  public Optional<String> firstDifference(Tokenizer other) {
    return vocabulary.firstDifference(other.vocabulary);
  }

  /// Frees the native tokenizer, once.
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        library.close();
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  TokenCodec codec() {
    return codec;
  }

  boolean has(int id) {
    return vocabulary.has(id);
  }

  private <T> T shared(Supplier<T> call) {
    lock.readLock().lock();
    try {
      if (closed) {
        throw new EngineException(ErrorCode.UNAVAILABLE, "tokenizer: closed (expected: open)");
      }
      return call.get();
    } finally {
      lock.readLock().unlock();
    }
  }

  private int checkedId(int id) {
    if (id < 0 || id >= vocabulary.size()) {
      throw EngineException.invalidArgument("token id", id, "0.." + (vocabulary.size() - 1));
    }
    return id;
  }

  /// The length of a text in bytes of UTF-8, of which half a character takes three.
  public static long utf8Bytes(String text) {
    long bytes = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean pair =
          Character.isHighSurrogate(c)
              && i + 1 < text.length()
              && Character.isLowSurrogate(text.charAt(i + 1));
      bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : pair ? 4 : 3;
      i += pair ? 1 : 0;
    }
    return bytes;
  }

  private static String wellFormed(String text) {
    boolean lone = text.codePoints().anyMatch(point -> point >= 0xd800 && point < 0xe000);
    if (!lone) {
      return text;
    }
    StringBuilder well = new StringBuilder(text.length());
    text.codePoints()
        .forEach(point -> well.appendCodePoint(point >= 0xd800 && point < 0xe000 ? 0xfffd : point));
    return well.toString();
  }
}
