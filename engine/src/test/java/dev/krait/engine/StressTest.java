package dev.krait.engine;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jcstress.JCStress;
import org.openjdk.jcstress.Options;

/// The two queues between the engine thread and others, in processes of their own and under
/// different compilers: `TokenStreamStress` and `EngineHandleStress`.
@Tag("slow")
class StressTest {
  @TempDir private Path results;

  @Test
  void noOutcomeOfTheQueuesIsForbidden() throws Exception {
    Options options =
        new Options(
            new String[] {
              "-m", "quick", "-t", "dev.krait", "-r", results.toString(), "-sc", "false"
            });
    options.parse();
    JCStress stress = new JCStress(options);
    try {
      stress.run();
      stress.parseResults();
    } finally {
      Files.deleteIfExists(Path.of(options.getResultFile()));
    }
  }
}
