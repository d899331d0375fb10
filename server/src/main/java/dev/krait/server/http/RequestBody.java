package dev.krait.server.http;

import dev.krait.service.BodyMemory;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;

/// The body of one request as it arrives: pieces of memory that are taken when bytes are there to
/// fill them, whatever length the client has announced.
///
/// Filled on the connection's event loop; closed once, by the thread that is done with it.
final class RequestBody implements AutoCloseable {
  private static final int PIECE = 16 << 10;

  private final BodyMemory memory;
  private final long announced;
  private final List<byte[]> pieces = new ArrayList<>();
  private long held;
  private int size;

  /// An empty body.
  ///
  /// @param announced its `Content-Length`, -1 when there is none
  RequestBody(BodyMemory memory, long announced) {
    this.memory = memory;
    this.announced = announced;
  }

  /// Bytes that have arrived.
  int size() {
    return size;
  }

  /// Takes bytes.
  ///
  /// @return false when memory is short; the body is of no use then
  boolean append(ByteBuf bytes) {
    while (bytes.isReadable()) {
      int room = (int) (held - size);
      if (room == 0) {
        long left = announced < 0 ? PIECE : Math.max(1, announced - held);
        int more = (int) Math.min(PIECE, left);
        if (!memory.take(held, more)) {
          return false;
        }
        held += more;
        pieces.add(new byte[more]);
        room = more;
      }
      byte[] last = pieces.getLast();
      int count = Math.min(room, bytes.readableBytes());
      bytes.readBytes(last, last.length - room, count);
      size += count;
    }
    return true;
  }

  /// All bytes in one array.
  byte[] whole() {
    if (pieces.size() == 1 && pieces.getFirst().length == size) {
      return pieces.getFirst();
    }
    byte[] all = new byte[size];
    int at = 0;
    for (byte[] piece : pieces) {
      int count = Math.min(piece.length, size - at);
      System.arraycopy(piece, 0, all, at, count);
      at += count;
    }
    pieces.clear();
    return all;
  }

  /// Gives its memory back.
  @Override
  public void close() {
    pieces.clear();
    memory.giveBack(held);
    held = 0;
  }
}
