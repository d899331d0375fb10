package dev.krait.server;

import dev.krait.server.hub.Hub;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;

/// Lists the models of the cache.
@Command(
    name = "models",
    description = "Lists the models of the Hugging Face cache, whoever downloaded them.",
    mixinStandardHelpOptions = true)
final class ModelsCommand implements Callable<Integer> {
  private final Function<Boolean, Hub> hubs;
  private final PrintStream out;

  ModelsCommand(Function<Boolean, Hub> hubs, PrintStream out) {
    this.hubs = hubs;
    this.out = out;
  }

  @Override
  public Integer call() {
    List<Hub.Cached> models = hubs.apply(true).cached();
    for (Hub.Cached model : models) {
      out.printf(
          Locale.ROOT,
          "%-48s %10s  %s%n",
          model.name(),
          Hub.size(model.bytes()),
          model.whole() ? model.folder() : "no model, or not all of its files");
    }
    if (models.isEmpty()) {
      out.println("no models in the cache; `krait pull owner/name` gets one");
    }
    return Exit.OK;
  }
}
