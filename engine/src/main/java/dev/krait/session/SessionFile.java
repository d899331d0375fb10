package dev.krait.session;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32C;

/// The file of one session, little-endian:
///
/// ```
///   magic        8 bytes, KRAITSES
///   version      int
///   header size  int
///   header       weights, config, numerics (each its length and UTF-8), number of tokens, number
///                of parts, words of each part (long)
///   CRC-32C      of all before
///   tokens       ints, and their CRC-32C
///   part         words of four bytes, and their CRC-32C; one after the other
/// ```
///
/// It is written beside its place and renamed, so that there is either the old file or the new one.
public final class SessionFile {
  /// The version that is written, and the only one that is read.
  public static final int VERSION = 1;

  /// How the names of files end that are being written.
  public static final String UNFINISHED = ".unfinished";

  private static final byte[] MAGIC = "KRAITSES".getBytes(StandardCharsets.US_ASCII);
  private static final int START = MAGIC.length + 2 * Integer.BYTES;
  private static final int MAX_HEADER = 1 << 20;
  private static final int CHUNK_WORDS = 1 << 16;

  private SessionFile() {}

  /// Writes a session, which is on the disk when this returns; on failure what was there before
  /// stays.
  ///
  /// @throws EngineException RESOURCE_EXHAUSTED when it cannot be written, such as on a full disk
  public static void write(Path file, SavedSession session) {
    Path unfinished =
        file.resolveSibling(file.getFileName() + "." + UUID.randomUUID() + UNFINISHED);
    try {
      try (FileChannel out =
          FileChannel.open(unfinished, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        writeAll(out, head(session));
        writeInts(out, session.tokens());
        for (float[] part : session.parts()) {
          writeWords(out, part);
        }
        out.force(true);
      }
      Files.move(
          unfinished, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      forceFolder(file.toAbsolutePath().resolveSibling(""));
    } catch (IOException failure) {
      delete(unfinished, failure);
      throw new EngineException(
          ErrorCode.RESOURCE_EXHAUSTED,
          "session",
          "%s: not saved: %s (expected: a folder that can be written, with room for %d bytes)"
              .formatted(file.getFileName(), reason(failure), session.bytes()),
          failure);
    }
  }

  /// Names of new files are on the disk once their folder is; not every system can say so.
  private static void forceFolder(Path folder) {
    try (FileChannel names = FileChannel.open(folder, StandardOpenOption.READ)) {
      names.force(true);
    } catch (IOException unsupported) {
      // The file itself is on the disk, under its old or its new name.
    }
  }

  private static void delete(Path unfinished, IOException failure) {
    try {
      Files.deleteIfExists(unfinished);
    } catch (IOException later) {
      failure.addSuppressed(later);
    }
  }

  /// Without the path: callers may be somebody else's clients.
  private static String reason(IOException failure) {
    String reason =
        failure instanceof FileSystemException file ? file.getReason() : failure.getMessage();
    return reason == null ? failure.getClass().getSimpleName() : reason;
  }

  /// Everything up to the tokens.
  private static ByteBuffer head(SavedSession session) {
    List<byte[]> names = new ArrayList<>();
    ModelFingerprint model = session.model();
    int bytes = 2 * Integer.BYTES + Long.BYTES * session.parts().size();
    for (String name : List.of(model.weights(), model.config(), model.numerics())) {
      names.add(name.getBytes(StandardCharsets.UTF_8));
      bytes += Integer.BYTES + names.getLast().length;
    }
    ByteBuffer head = buffer(START + bytes + Integer.BYTES);
    head.put(MAGIC).putInt(VERSION).putInt(bytes);
    names.forEach(name -> head.putInt(name.length).put(name));
    head.putInt(session.tokens().size()).putInt(session.parts().size());
    session.parts().forEach(part -> head.putLong(part.length));
    head.putInt(crc(head.duplicate().flip()));
    return head.flip();
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static int crc(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  private static void writeAll(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  private static void writeInts(FileChannel out, TokenIds tokens) throws IOException {
    ByteBuffer bytes = buffer(Integer.BYTES * (tokens.size() + 1));
    for (int i = 0; i < tokens.size(); i++) {
      bytes.putInt(tokens.at(i));
    }
    bytes.putInt(crc(bytes.duplicate().flip()));
    writeAll(out, bytes.flip());
  }

  private static void writeWords(FileChannel out, float[] words) throws IOException {
    ByteBuffer chunk = buffer(Float.BYTES * CHUNK_WORDS);
    CRC32C crc = new CRC32C();
    for (int first = 0; first < words.length; first += CHUNK_WORDS) {
      int count = Math.min(CHUNK_WORDS, words.length - first);
      chunk.clear().asFloatBuffer().put(words, first, count);
      chunk.limit(Float.BYTES * count);
      crc.update(chunk.duplicate());
      writeAll(out, chunk);
    }
    writeAll(out, buffer(Integer.BYTES).putInt((int) crc.getValue()).flip());
  }

  /// Reads a session of the model that is served.
  ///
  /// @throws EngineException NOT_FOUND when there is no file; INVALID_ARGUMENT when it is damaged,
  ///   of another version or of another model, saying which
  public static SavedSession read(Path file, ModelFingerprint served) {
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      return new Reading(file, in, in.size()).session(served);
    } catch (NoSuchFileException missing) {
      throw new EngineException(
          ErrorCode.NOT_FOUND,
          "session",
          file.getFileName() + ": no such file (expected: a saved session)",
          missing);
    } catch (IOException failure) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "session",
          file.getFileName() + ": unreadable: " + reason(failure) + " (expected: a saved session)",
          failure);
    }
  }

  /// A file that is being read; nothing of it is believed before its sum is right.
  private record Reading(Path file, FileChannel in, long size) {

    SavedSession session(ModelFingerprint served) throws IOException {
      require(size >= START, size + " bytes", "a header");
      ByteBuffer start = read(START);
      byte[] magic = new byte[MAGIC.length];
      start.get(magic);
      require(ByteBuffer.wrap(magic).equals(ByteBuffer.wrap(MAGIC)), "no session file", "KRAITSES");
      int version = start.getInt();
      if (version != VERSION) {
        throw refusal("format version " + version, "format version " + VERSION);
      }
      int bytes = start.getInt();
      require(
          bytes >= 0 && bytes <= MAX_HEADER && START + bytes + Integer.BYTES <= size,
          "a header of " + bytes + " bytes in a file of " + size,
          "a whole header");
      ByteBuffer header = read(bytes);
      CRC32C crc = new CRC32C();
      crc.update(start.rewind());
      crc.update(header.duplicate());
      requireSum(crc, "header");
      return body(header, served);
    }

    private SavedSession body(ByteBuffer header, ModelFingerprint served) throws IOException {
      ModelFingerprint saved = new ModelFingerprint(text(header), text(header), text(header));
      served.requireSame(saved, file.getFileName().toString());
      int tokens = count(header, size / Integer.BYTES);
      long[] words = new long[count(header, header.remaining() / Long.BYTES)];
      long expected = in.position() + Integer.BYTES * (tokens + 1L);
      for (int i = 0; i < words.length; i++) {
        words[i] = header.getLong();
        require(words[i] >= 0 && words[i] < Integer.MAX_VALUE, words[i] + " words", "a part");
        expected += Float.BYTES * (words[i] + 1);
      }
      require(expected == size, size + " bytes", expected + " bytes, as its header says");
      int[] ids = new int[tokens];
      ByteBuffer stored = read(Integer.BYTES * tokens);
      stored.asIntBuffer().get(ids);
      CRC32C crc = new CRC32C();
      crc.update(stored);
      requireSum(crc, "tokens");
      List<float[]> parts = new ArrayList<>();
      for (long count : words) {
        parts.add(words(count, "part " + parts.size()));
      }
      return new SavedSession(saved, TokenIds.of(ids), parts);
    }

    private int count(ByteBuffer header, long most) {
      require(header.remaining() >= Integer.BYTES, "a short header", "a whole header");
      int count = header.getInt();
      require(count >= 0 && count <= most, "a length of " + count, "0 to " + most);
      return count;
    }

    private String text(ByteBuffer header) {
      byte[] bytes = new byte[count(header, header.remaining() - Integer.BYTES)];
      header.get(bytes);
      return new String(bytes, StandardCharsets.UTF_8);
    }

    private float[] words(long count, String part) throws IOException {
      float[] words = new float[Math.toIntExact(count)];
      CRC32C crc = new CRC32C();
      for (int first = 0; first < words.length; first += CHUNK_WORDS) {
        int some = Math.min(CHUNK_WORDS, words.length - first);
        ByteBuffer chunk = read(Float.BYTES * some);
        chunk.asFloatBuffer().get(words, first, some);
        crc.update(chunk);
      }
      requireSum(crc, part);
      return words;
    }

    private ByteBuffer read(int bytes) throws IOException {
      ByteBuffer into = buffer(bytes);
      while (into.hasRemaining()) {
        require(in.read(into) >= 0, "an end at byte " + in.position(), size + " bytes");
      }
      return into.flip();
    }

    private void requireSum(CRC32C computed, String part) throws IOException {
      int stored = read(Integer.BYTES).getInt();
      int sum = (int) computed.getValue();
      require(
          stored == sum,
          part + " with the sum %08x".formatted(sum),
          "%08x, as stored behind it".formatted(stored));
    }

    private void require(boolean holds, String received, String expected) {
      if (!holds) {
        throw refusal("damaged: " + received, expected);
      }
    }

    private EngineException refusal(String received, String expected) {
      return new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "session",
          "%s: %s (expected: %s)".formatted(file.getFileName(), received, expected));
    }
  }
}
