package dev.krait.server;

import dev.krait.error.EngineException;
import dev.krait.server.hub.Hub;
import dev.krait.server.hub.ModelName;
import java.io.PrintStream;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Downloads models into the cache, or what is new of them.
@Command(
    name = "pull",
    description = {
      "Downloads models into the Hugging Face cache and prints their folders.",
      "Environment: HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE."
    },
    mixinStandardHelpOptions = true)
final class PullCommand implements Callable<Integer> {
  @Parameters(arity = "1..*", paramLabel = "NAME", description = "owner/name[@revision]")
  private List<String> names = List.of();

  private final Function<Boolean, Hub> hubs;
  private final PrintStream out;

  PullCommand(Function<Boolean, Hub> hubs, PrintStream out) {
    this.hubs = hubs;
    this.out = out;
  }

  @Override
  public Integer call() {
    List<ModelName> models =
        names.stream()
            .map(text ->
                ModelName.parse(text)
                    .orElseThrow(() ->
                        EngineException.invalidArgument("name", text, "owner/name[@revision]")))
            .toList();
    Hub hub = hubs.apply(false);
    models.forEach(model -> out.println(hub.pull(model)));
    return Exit.OK;
  }
}
