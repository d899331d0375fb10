package dev.krait.benchmarks;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// Writes a checkpoint folder of the shape of `state-spaces/mamba-130m` with random bf16 weights.
final class SyntheticMamba {
  private static final int HIDDEN = 768;
  private static final int LAYERS = 24;
  private static final int INNER = 1536;
  private static final int STATE = 16;
  private static final int RANK = 48;
  private static final int VOCAB = 50_280;
  private static final long SEED = 130;

  private final List<Entry> entries = new ArrayList<>();
  private final StringBuilder header = new StringBuilder("{");
  private long offset;

  /// Values of a tensor: uniform in `[low, high)`.
  private record Entry(long elements, double low, double high) {}

  private SyntheticMamba() {}

  /// Writes config.json and model.safetensors.
  static void write(Path folder) {
    try {
      Files.createDirectories(folder);
      Files.writeString(folder.resolve("config.json"), CONFIG);
      new SyntheticMamba().writeTensors(folder.resolve("model.safetensors"));
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private static final String CONFIG =
      """
      {"architectures": ["MambaForCausalLM"], "hidden_size": 768, "intermediate_size": 1536,
       "state_size": 16, "conv_kernel": 4, "time_step_rank": 48, "num_hidden_layers": 24,
       "vocab_size": 50280, "layer_norm_epsilon": 1e-5, "use_bias": false, "use_conv_bias": true,
       "tie_word_embeddings": true}
      """;

  private void writeTensors(Path file) throws IOException {
    add("backbone.embeddings.weight", -0.05, 0.05, VOCAB, HIDDEN);
    for (int i = 0; i < LAYERS; i++) {
      String layer = "backbone.layers." + i + ".";
      add(layer + "norm.weight", 0.9, 1.1, HIDDEN);
      add(layer + "mixer.in_proj.weight", -0.05, 0.05, 2 * INNER, HIDDEN);
      add(layer + "mixer.conv1d.weight", -0.4, 0.4, INNER, 1, 4);
      add(layer + "mixer.conv1d.bias", -0.1, 0.1, INNER);
      add(layer + "mixer.x_proj.weight", -0.04, 0.04, RANK + 2 * STATE, INNER);
      add(layer + "mixer.dt_proj.weight", -0.1, 0.1, INNER, RANK);
      add(layer + "mixer.dt_proj.bias", -5, -2, INNER);
      add(layer + "mixer.A_log", 0, 2.7, INNER, STATE);
      add(layer + "mixer.D", 0.8, 1.2, INNER);
      add(layer + "mixer.out_proj.weight", -0.04, 0.04, HIDDEN, INNER);
    }
    add("backbone.norm_f.weight", 0.9, 1.1, HIDDEN);
    byte[] head = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
    SplittableRandom random = new SplittableRandom(SEED);
    byte[] chunk = new byte[1 << 16];
    try (OutputStream out = Files.newOutputStream(file)) {
      ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN).putLong(head.length);
      out.write(chunk, 0, Long.BYTES);
      out.write(head);
      for (Entry entry : entries) {
        writeValues(entry, random, chunk, out);
      }
    }
  }

  private void add(String name, double low, double high, long... shape) {
    long elements = 1;
    StringBuilder dims = new StringBuilder();
    for (long dim : shape) {
      elements *= dim;
      dims.append(dims.isEmpty() ? "" : ",").append(dim);
    }
    header
        .append(entries.isEmpty() ? "" : ",")
        .append("\"%s\":{\"dtype\":\"BF16\",\"shape\":[%s],".formatted(name, dims))
        .append("\"data_offsets\":[%d,%d]}".formatted(offset, offset + 2 * elements));
    offset += 2 * elements;
    entries.add(new Entry(elements, low, high));
  }

  private static void writeValues(
      Entry entry, SplittableRandom random, byte[] chunk, OutputStream out) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN);
    for (long i = 0; i < entry.elements(); i++) {
      double unit = (random.nextInt() >>> 8) * 0x1p-24;
      float value = (float) (entry.low() + unit * (entry.high() - entry.low()));
      buffer.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
      if (!buffer.hasRemaining()) {
        out.write(chunk);
        buffer.clear();
      }
    }
    out.write(chunk, 0, buffer.position());
  }
}
