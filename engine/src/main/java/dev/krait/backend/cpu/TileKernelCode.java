package dev.krait.backend.cpu;

import static dev.krait.backend.cpu.Assembler.R10;
import static dev.krait.backend.cpu.Assembler.R11;
import static dev.krait.backend.cpu.Assembler.R8;
import static dev.krait.backend.cpu.Assembler.R9;
import static dev.krait.backend.cpu.Assembler.RAX;
import static dev.krait.backend.cpu.Assembler.RBX;
import static dev.krait.backend.cpu.Assembler.RCX;
import static dev.krait.backend.cpu.Assembler.RDI;
import static dev.krait.backend.cpu.Assembler.RDX;
import static dev.krait.backend.cpu.Assembler.RSI;

import dev.krait.backend.cpu.Assembler.Condition;
import java.util.Arrays;

/// Writes one kernel of [TileKernels]: `sums[tile, token, row] = sum over columns of weight * x`.
///
/// ```
///   sums = 0
///   while a turn's columns are left: prefetch a line of each stream, multiply the turn's columns
///   while columns are left: multiply one
///   store the sums
/// ```
///
/// One token takes four tiles at a time, two take three, more take one: as many sums as registers
/// hold. Several tiles are as many streams of memory, each asked for some lines ahead. One tile is
/// a single stream, for which the memory is slow, so that its kernel asks for weights that come
/// later, in four streams.
final class TileKernelCode {
  /// Bytes of a column of a tile: 16 rows in bf16, row j beside row j + 8.
  static final int VECTOR_BYTES = 32;

  /// Streams ahead of a kernel that takes one tile.
  static final int STREAMS_AHEAD = 4;

  /// Rows of tokens lie `columns + ROW_PADDING` floats apart, so that rows of 1,024 columns do not
  /// share a few lines of the first cache.
  static final int ROW_PADDING = 16;

  /// Vectors of sums that fit the registers beside the rest.
  static final int MOST_SUMS = 12;

  private static final int LINE_BYTES = 64;

  /// How far ahead several tiles are asked for. From 256 to 768 bytes are alike; 2,048 take a tenth
  /// longer.
  private static final int DISTANCE_BYTES = 512;

  // Arguments as System V passes them, and registers that need no saving.
  private static final int WEIGHTS = RDI;
  private static final int STREAM_STRIDE = RSI;
  private static final int TOKENS = RDX;
  private static final int COLUMNS = RCX;
  private static final int SUMS = R8;
  private static final int AHEAD = R9;

  /// Bytes from token to token, once the streams are known.
  private static final int TOKEN_STRIDE = RSI;

  /// The fourth token, the last that has an address of its own; must be saved.
  private static final int FOURTH_TOKEN = RBX;

  private static final int TOKENS_OF_AN_ADDRESS = 3;

  // Vector registers behind the sums.
  private static final int LOW = 12;
  private static final int HIGH = 13;
  private static final int X = 14;
  private static final int HIGH_HALF = 15;

  private static final int HALF_BITS = 16;

  private final Assembler code = new Assembler();
  private final int tokens;

  /// True where the streams are not the tiles themselves.
  private final boolean readsAhead;

  /// Where the tiles are, and where to prefetch.
  private final int[] tiles;

  private final int[] streams;
  private final int distance;

  /// Columns in which each stream goes on by a line.
  private final int turn;

  private TileKernelCode(int tokens) {
    this.tokens = tokens;
    tiles = Arrays.copyOf(new int[] {WEIGHTS, R10, R11, RAX}, tiles(tokens));
    readsAhead = tiles.length == 1;
    streams = readsAhead ? new int[] {AHEAD, R10, R11, RAX} : tiles;
    distance = readsAhead ? 0 : DISTANCE_BYTES;
    turn = LINE_BYTES / VECTOR_BYTES * streams.length / tiles.length;
  }

  /// Tiles that the kernel of so many tokens takes at a time.
  static int tiles(int tokens) {
    return tokens == 1 ? 4 : tokens == 2 ? 3 : 1;
  }

  /// The kernel's machine code; its arguments are those of [TileKernels#multiply].
  static byte[] of(int tokens) {
    return new TileKernelCode(tokens).write();
  }

  private byte[] write() {
    enter();
    code.subtract(COLUMNS, turn);
    int lessThanATurn = code.jumpAhead(Condition.BELOW);
    int turns = code.position();
    for (int stream : streams) {
      code.prefetch(stream, distance);
    }
    for (int k = 0; k < turn; k++) {
      multiplyColumn(k);
    }
    advance(turn);
    if (readsAhead) {
      for (int stream : streams) {
        code.add(stream, LINE_BYTES);
      }
    }
    code.subtract(COLUMNS, turn);
    code.jumpBack(Condition.NOT_BELOW, turns);
    code.land(lessThanATurn);
    code.add(COLUMNS, turn);
    int nothingLeft = code.jumpAhead(Condition.ZERO);
    int columns = code.position();
    multiplyColumn(0);
    advance(1);
    code.subtract(COLUMNS, 1);
    code.jumpBack(Condition.NOT_ZERO, columns);
    code.land(nothingLeft);
    leave();
    return code.code();
  }

  private void enter() {
    for (int i = 1; i < streams.length; i++) {
      code.move(streams[i], streams[i - 1]);
      code.addRegister(streams[i], STREAM_STRIDE);
    }
    code.move(TOKEN_STRIDE, COLUMNS);
    code.add(TOKEN_STRIDE, ROW_PADDING);
    code.shiftLeft(TOKEN_STRIDE, Integer.numberOfTrailingZeros(Float.BYTES));
    if (tokens > TOKENS_OF_AN_ADDRESS) {
      code.push(FOURTH_TOKEN);
      code.move(FOURTH_TOKEN, TOKENS);
      for (int i = 0; i < TOKENS_OF_AN_ADDRESS; i++) {
        code.addRegister(FOURTH_TOKEN, TOKEN_STRIDE);
      }
    }
    code.ones(HIGH_HALF);
    code.shiftLanesLeft(HIGH_HALF, HIGH_HALF, HALF_BITS);
    for (int i = 0; i < sums(); i++) {
      code.zero(i);
    }
  }

  private void multiplyColumn(int column) {
    for (int tile = 0; tile < tiles.length; tile++) {
      code.load(HIGH, tiles[tile], column * VECTOR_BYTES);
      code.shiftLanesLeft(LOW, HIGH, HALF_BITS);
      code.and(HIGH, HIGH, HIGH_HALF);
      for (int token = 0; token < tokens; token++) {
        broadcastToken(token, column * Float.BYTES);
        int sum = 2 * (tile * tokens + token);
        code.fma(sum, LOW, X);
        code.fma(sum + 1, HIGH, X);
      }
    }
  }

  private void broadcastToken(int token, int offset) {
    int base = token < TOKENS_OF_AN_ADDRESS ? TOKENS : FOURTH_TOKEN;
    int strides = token % TOKENS_OF_AN_ADDRESS;
    if (strides == 0) {
      code.broadcast(X, base, offset);
    } else {
      code.broadcast(X, base, TOKEN_STRIDE, strides, offset);
    }
  }

  private void advance(int columns) {
    for (int tile : tiles) {
      code.add(tile, columns * VECTOR_BYTES);
    }
    code.add(TOKENS, columns * Float.BYTES);
    if (tokens > TOKENS_OF_AN_ADDRESS) {
      code.add(FOURTH_TOKEN, columns * Float.BYTES);
    }
  }

  private void leave() {
    for (int i = 0; i < sums(); i++) {
      code.store(SUMS, i * VECTOR_BYTES, i);
    }
    code.zeroUpper();
    if (tokens > TOKENS_OF_AN_ADDRESS) {
      code.pop(FOURTH_TOKEN);
    }
    code.ret();
  }

  private int sums() {
    return 2 * tiles.length * tokens;
  }
}
