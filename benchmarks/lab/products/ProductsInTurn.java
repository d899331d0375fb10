import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;

/// Compares the matrix product of builds, vector widths and forms: in one process, strictly in turn.
///
/// Each variant has class loaders of its own, so that its loops are compiled apart and a property
/// that is read once may differ. A round takes one pass over all matrices with each variant.
///
/// ```
/// mvn -q -o -Dfast compile -pl engine -am
/// javac -d /tmp/products -cp engine/target/classes benchmarks/lab/products/*.java
/// java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -Xmx4g \
///   -cp /tmp/products ProductsInTurn 2 20 tiny,large bf16,f32 1,2,4,8,64,256 \
///   before=/path/to/another/engine/target/classes after=engine/target/classes \
///   java=engine/target/classes,krait.machine-code=false
/// ```
///
/// Arguments: threads, rounds, sets of matrices, types, tokens, variants. A variant is
/// `name=classes[,property=value...]`. Prints for every case the least and the median microseconds
/// of a variant, and the median over the rounds of the first variant's time over its own.
final class ProductsInTurn {
  private static final int WARM_UPS = 12;

  private ProductsInTurn() {}

  private record Variant(String name, ToLongFunction<Integer> pass) {}

  public static void main(String[] args) throws Exception {
    int threads = Integer.parseInt(args[0]);
    int rounds = Integer.parseInt(args[1]);
    System.out.println("| set | type | tokens | variant | least us | median us | times as fast |");
    System.out.println("|---|---|---|---|---|---|---|");
    for (String set : args[2].split(",")) {
      for (String type : args[3].split(",")) {
        List<Variant> variants = new ArrayList<>();
        for (String spec : Arrays.asList(args).subList(5, args.length)) {
          variants.add(open(spec, threads, set, type));
        }
        for (String tokens : args[4].split(",")) {
          compare(variants, Integer.parseInt(tokens), rounds, set + " | " + type);
        }
        for (Variant variant : variants) {
          ((AutoCloseable) variant.pass()).close();
        }
      }
    }
  }

  private static void compare(List<Variant> variants, int tokens, int rounds, String label) {
    long[][] nanos = new long[variants.size()][rounds];
    for (int round = -WARM_UPS; round < rounds; round++) {
      for (int i = 0; i < variants.size(); i++) {
        // Every other round goes backwards: none is always the one that comes after another.
        int variant = (round & 1) == 0 ? i : variants.size() - 1 - i;
        long time = variants.get(variant).pass().applyAsLong(tokens);
        if (round >= 0) {
          nanos[variant][round] = time;
        }
      }
    }
    for (int i = 0; i < variants.size(); i++) {
      double[] ratios = new double[rounds];
      for (int round = 0; round < rounds; round++) {
        ratios[round] = (double) nanos[0][round] / nanos[i][round];
      }
      Arrays.sort(ratios);
      long[] sorted = nanos[i].clone();
      Arrays.sort(sorted);
      System.out.printf(
          Locale.ROOT,
          "| %s | %d | %s | %.1f | %.1f | %.2f |%n",
          label,
          tokens,
          variants.get(i).name(),
          sorted[0] / 1e3,
          sorted[rounds / 2] / 1e3,
          ratios[rounds / 2]);
    }
  }

  @SuppressWarnings("unchecked")
  private static Variant open(String spec, int threads, String set, String type)
      throws IOException, ReflectiveOperationException {
    String[] parts = spec.split(",");
    String name = parts[0].substring(0, parts[0].indexOf('='));
    Path classes = Path.of(parts[0].substring(name.length() + 1));
    for (int i = 1; i < parts.length; i++) {
      System.setProperty(parts[i].split("=")[0], parts[i].split("=")[1]);
    }
    try {
      Class<?> pass = new URLClassLoader(urls(classes), null).loadClass("ProductPass");
      Object made =
          pass.getDeclaredConstructor(int.class, String.class, String.class)
              .newInstance(threads, set, type);
      System.err.println(name + ": " + made);
      return new Variant(name, (ToLongFunction<Integer>) made);
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(spec, e.getCause());
    } finally {
      for (int i = 1; i < parts.length; i++) {
        System.clearProperty(parts[i].split("=")[0]);
      }
    }
  }

  private static URL[] urls(Path classes) throws MalformedURLException {
    URL own = ProductsInTurn.class.getProtectionDomain().getCodeSource().getLocation();
    return new URL[] {own, classes.toUri().toURL()};
  }
}
