package dev.krait.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// The one place that starts the Hugging Face tokenizers library.
///
/// Left alone, the library reports its use over the network, and on a machine with a GPU downloads
/// another build of itself. Both are switched off here, by the system properties `OPT_OUT_TRACKING`
/// and `RUST_FLAVOR`, unless the process has set them before. It would also load whatever file of
/// its name lies in its cache, and look for that among the temporary files where there is no home;
/// therefore it is unpacked here ([NativeLibraryFolder]) and named by `RUST_LIBRARY_PATH`.
final class TokenizerLibrary {
  private static final String LIBRARY_PATH = "RUST_LIBRARY_PATH";
  private static final Map<String, String> QUIET =
      Map.of("OPT_OUT_TRACKING", "true", "RUST_FLAVOR", "cpu");

  /// Without these the library cuts at 512 tokens and pads.
  private static final Map<String, String> WHOLE =
      Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false");

  private TokenizerLibrary() {}

  /// A tokenizer of the library.
  ///
  /// @throws IOException when the library or the file is refused
  static HuggingFaceTokenizer open(byte[] tokenizerJson) throws IOException {
    Loaded.once();
    return HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(tokenizerJson), WHOLE);
  }

  /// Its class initialiser loads the library, once for the process.
  private static final class Loaded {
    private static final Optional<String> FAILURE = load();

    private Loaded() {}

    static void once() throws IOException {
      if (FAILURE.isPresent()) {
        throw new IOException(FAILURE.get());
      }
    }

    private static Optional<String> load() {
      QUIET.forEach((property, value) -> {
        if (System.getProperty(property) == null) {
          System.setProperty(property, value);
        }
      });
      Optional<String> resource = resource();
      boolean named =
          System.getenv(LIBRARY_PATH) != null || System.getProperty(LIBRARY_PATH) != null;
      if (resource.isEmpty() || named) {
        return Optional.empty();
      }
      try {
        Optional<Path> chosen =
            Optional.ofNullable(System.getenv("ENGINE_CACHE_DIR"))
                .or(() -> Optional.ofNullable(System.getProperty("ENGINE_CACHE_DIR")))
                .filter(folder -> !folder.isBlank())
                .map(Path::of);
        NativeLibraryFolder folder =
            NativeLibraryFolder.unpack(
                chosen,
                Path.of(System.getProperty("user.home", "/nonexistent")),
                "libtokenizers.so",
                () -> stream(resource.get()));
        System.setProperty(LIBRARY_PATH, folder.library().toString());
        try {
          LibUtils.checkStatus();
        } catch (ai.djl.engine.EngineException e) {
          return Optional.of(folder.library() + " cannot be loaded: " + e.getCause());
        } finally {
          folder.remove();
        }
        return Optional.empty();
      } catch (IOException | LinkageError e) {
        return Optional.of(String.valueOf(e.getMessage()));
      }
    }

    /// The library in the jar for this system, where it is one for Linux.
    private static Optional<String> resource() {
      String arch = System.getProperty("os.arch", "").equals("aarch64") ? "aarch64" : "x86_64";
      boolean linux = System.getProperty("os.name", "").toLowerCase(Locale.ROOT).equals("linux");
      return linux
          ? Optional.of("native/lib/linux-" + arch + "/cpu/libtokenizers.so")
          : Optional.empty();
    }

    private static InputStream stream(String resource) throws IOException {
      InputStream in = HuggingFaceTokenizer.class.getClassLoader().getResourceAsStream(resource);
      if (in == null) {
        throw new IOException(resource + ": not in the jar of the tokenizers library");
      }
      return in;
    }
  }
}
