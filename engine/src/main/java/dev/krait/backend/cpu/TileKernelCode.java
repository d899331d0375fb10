package dev.krait.backend.cpu;

import static dev.krait.backend.cpu.Assembler.R10;
import static dev.krait.backend.cpu.Assembler.R11;
import static dev.krait.backend.cpu.Assembler.R8;
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
///   while a turn's columns are left: prefetch the lines of a later turn, multiply the columns
///   while columns are left: multiply one
///   store the sums
/// ```
///
/// There are kernels of one tile, and for few tokens kernels of several, as many as there are
/// registers for their sums. Several tiles are as many streams of memory, which the processor reads
/// ahead itself once it has seen a few lines of each, but a single stream not far enough.
final class TileKernelCode {
  /// Bytes of a column of a tile: 16 rows in bf16, row j beside row j + 8.
  static final int VECTOR_BYTES = 32;

  /// Rows of tokens lie `columns + ROW_PADDING` floats apart, so that rows of 1,024 columns do not
  /// share a few lines of the first cache.
  static final int ROW_PADDING = 16;

  /// Vectors of sums that fit the registers beside the rest.
  static final int MOST_SUMS = 12;

  private static final int LINE_BYTES = 64;

  /// How far ahead three and four streams are asked for. From 256 to 768 bytes are alike; 2,048
  /// take a tenth longer.
  private static final int STREAMS_DISTANCE = 512;

  /// How far ahead one and two streams are asked for, past the end of a tile in those that follow.
  /// From 6,144 to 16,384 bytes are alike; 1,024 take a third longer for one stream.
  private static final int DISTANCE = 8192;

  /// Columns of tiles in a turn, and of one tile at least.
  private static final int TURN = 8;

  private static final int LEAST_TURN = 2;

  // Arguments as System V passes them, and registers that need no saving.
  private static final int WEIGHTS = RDI;
  private static final int TILE_STRIDE = RSI;
  private static final int TOKENS = RDX;
  private static final int COLUMNS = RCX;
  private static final int SUMS = R8;

  /// Bytes from token to token, once the tiles are known.
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

  /// Registers that hold where the tiles are.
  private final int[] tiles;

  private final int distance;
  private final int turn;

  private TileKernelCode(int tokens, int tiles) {
    this.tokens = tokens;
    this.tiles = Arrays.copyOf(new int[] {WEIGHTS, R10, R11, RAX}, tiles);
    distance = tiles > 2 ? STREAMS_DISTANCE : DISTANCE;
    turn = Math.max(LEAST_TURN, TURN / tiles);
  }

  /// Most tiles that a kernel of so many tokens takes at a time.
  static int mostTiles(int tokens) {
    return switch (tokens) {
      case 1 -> 4;
      case 2 -> 3;
      case 3 -> 2;
      default -> 1;
    };
  }

  /// The kernel's machine code; its arguments are those of [TileKernels#multiply].
  static byte[] of(int tokens, int tiles) {
    return new TileKernelCode(tokens, tiles).write();
  }

  private byte[] write() {
    enter();
    code.subtract(COLUMNS, turn);
    int lessThanATurn = code.jumpAhead(Condition.BELOW);
    int turns = code.position();
    for (int k = 0; k < turn; k++) {
      prefetchColumn(k);
      multiplyColumn(k);
    }
    advance(turn);
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
    for (int i = 1; i < tiles.length; i++) {
      code.move(tiles[i], tiles[i - 1]);
      code.addRegister(tiles[i], TILE_STRIDE);
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

  /// Asks for the lines that start in this column.
  private void prefetchColumn(int column) {
    int offset = column * VECTOR_BYTES;
    if (offset % LINE_BYTES == 0) {
      for (int tile : tiles) {
        code.prefetch(tile, distance + offset);
      }
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
