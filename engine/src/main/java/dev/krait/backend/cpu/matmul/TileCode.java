package dev.krait.backend.cpu.matmul;

import static dev.krait.backend.cpu.matmul.Assembler.R10;
import static dev.krait.backend.cpu.matmul.Assembler.R11;
import static dev.krait.backend.cpu.matmul.Assembler.R8;
import static dev.krait.backend.cpu.matmul.Assembler.R9;
import static dev.krait.backend.cpu.matmul.Assembler.RAX;
import static dev.krait.backend.cpu.matmul.Assembler.RCX;
import static dev.krait.backend.cpu.matmul.Assembler.RDI;
import static dev.krait.backend.cpu.matmul.Assembler.RDX;
import static dev.krait.backend.cpu.matmul.Assembler.RSI;

import dev.krait.backend.cpu.matmul.Assembler.Address;
import dev.krait.backend.cpu.matmul.Assembler.Condition;

/// Writes one [TileKernel]: `sums[tile, token, row] = sum over columns of weight * x`.
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
final class TileCode {
  /// Rows of tokens lie `columns + ROW_PADDING` floats apart, so that rows of 1,024 columns do not
  /// share a few lines of the first cache.
  static final int ROW_PADDING = 16;

  private static final int MAX_TILES = 4;
  private static final int LINE_BYTES = 64;

  /// How far ahead three and four streams are asked for. From 256 to 768 bytes are alike; 2,048
  /// take a tenth longer.
  private static final int STREAMS_DISTANCE = 512;

  /// How far ahead one and two streams are asked for, past the end of a tile in those that follow.
  /// From 6,144 to 16,384 bytes are alike; 1,024 take a third longer for one stream.
  private static final int DISTANCE = 8192;

  /// Columns of tiles in a turn, and of one tile at least.
  private static final int TURN = 8;

  private static final int MIN_TURN = 2;

  // Arguments as System V passes them; the second becomes the bytes from token to token once the
  // tiles are known.
  private static final int WEIGHTS = RDI;
  private static final int STRIDE = RSI;
  private static final int TOKENS = RDX;
  private static final int COLUMNS = RCX;
  private static final int SUMS = R8;

  /// Registers that need no saving, for tiles after the first and tokens after the third.
  private static final int[] FREE = {R10, R11, RAX, R9};

  /// Tokens of a register: itself, one stride and two strides on.
  private static final int TOKENS_OF_A_BASE = 3;

  /// Vector registers behind the sums.
  private static final int OTHERS = 4;

  private static final int HALF_BITS = 16;

  private final Assembler code;
  private final TileFormat format;
  private final int vectorBytes;
  private final int columnBytes;
  private final int tokens;

  /// Registers that hold where the tiles are, and every third token.
  private final int[] tiles;

  private final int[] bases;

  private final int turn;

  // Vector registers.
  private final int low;
  private final int high;
  private final int x;
  private final int highHalf;

  /// @param vectorBytes 32 or 64
  /// @param tokens at most [#maxTokens]
  /// @param tiles 1 or at most [#maxTiles]
  TileCode(TileFormat format, int vectorBytes, int tokens, int tiles) {
    this.format = format;
    this.vectorBytes = vectorBytes;
    this.tokens = tokens;
    code = new Assembler(vectorBytes);
    columnBytes = vectorBytes * format.elementBytes() / Short.BYTES;
    int free = 0;
    this.tiles = new int[tiles];
    this.tiles[0] = WEIGHTS;
    for (int i = 1; i < tiles; i++) {
      this.tiles[i] = FREE[free++];
    }
    bases = new int[Math.ceilDiv(tokens, TOKENS_OF_A_BASE)];
    bases[0] = TOKENS;
    for (int i = 1; i < bases.length; i++) {
      bases[i] = FREE[free++];
    }
    turn = Math.max(MIN_TURN, TURN / tiles);
    low = vectorsOfSums(vectorBytes);
    high = low + 1;
    x = low + 2;
    highHalf = low + 3;
  }

  private static int vectorsOfSums(int vectorBytes) {
    return Assembler.registers(vectorBytes) - OTHERS;
  }

  /// Most tokens of a kernel: two vectors of sums each.
  static int maxTokens(int vectorBytes) {
    return vectorsOfSums(vectorBytes) / 2;
  }

  /// Most tiles that a kernel of so many tokens takes at a time.
  static int maxTiles(int vectorBytes, int tokens) {
    return Math.min(MAX_TILES, maxTokens(vectorBytes) / tokens);
  }

  /// The kernel's machine code; its arguments are those of [TileKernel#multiply].
  byte[] write() {
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
      code.addRegister(tiles[i], STRIDE);
    }
    code.move(STRIDE, COLUMNS);
    code.add(STRIDE, ROW_PADDING);
    code.shiftLeft(STRIDE, Integer.numberOfTrailingZeros(Float.BYTES));
    for (int i = 1; i < bases.length; i++) {
      code.move(bases[i], bases[i - 1]);
      for (int j = 0; j < TOKENS_OF_A_BASE; j++) {
        code.addRegister(bases[i], STRIDE);
      }
    }
    if (format == TileFormat.BF16) {
      code.ones(highHalf);
      code.shiftLanesLeft(highHalf, highHalf, HALF_BITS);
    }
    for (int i = 0; i < sums(); i++) {
      code.zero(i);
    }
  }

  /// Asks for the lines that start in this column.
  private void prefetchColumn(int column) {
    int distance = tiles.length > 2 ? STREAMS_DISTANCE : DISTANCE;
    int from = Math.ceilDiv(column * columnBytes, LINE_BYTES) * LINE_BYTES;
    for (int line = from; line < (column + 1) * columnBytes; line += LINE_BYTES) {
      for (int tile : tiles) {
        code.prefetch(Address.of(tile, distance + line));
      }
    }
  }

  private void multiplyColumn(int column) {
    for (int tile = 0; tile < tiles.length; tile++) {
      widen(tiles[tile], column * columnBytes);
      for (int token = 0; token < tokens; token++) {
        broadcastToken(token, column * Float.BYTES);
        int sum = 2 * (tile * tokens + token);
        code.fma(sum, low, x);
        code.fma(sum + 1, high, x);
      }
    }
  }

  /// Loads a column of a tile as floats, its first and its second half of rows.
  private void widen(int tile, int offset) {
    Address first = Address.of(tile, offset);
    Address second = Address.of(tile, offset + columnBytes / 2);
    switch (format) {
      case BF16 -> {
        code.load(high, first);
        code.shiftLanesLeft(low, high, HALF_BITS);
        code.and(high, high, highHalf);
      }
      case F16 -> {
        code.loadHalves(low, first);
        code.loadHalves(high, second);
      }
      case F32 -> {
        code.load(low, first);
        code.load(high, second);
      }
    }
  }

  private void broadcastToken(int token, int offset) {
    int base = bases[token / TOKENS_OF_A_BASE];
    int strides = token % TOKENS_OF_A_BASE;
    code.broadcast(
        x, strides == 0 ? Address.of(base, offset) : new Address(base, STRIDE, strides, offset));
  }

  private void advance(int columns) {
    for (int tile : tiles) {
      code.add(tile, columns * columnBytes);
    }
    for (int base : bases) {
      code.add(base, columns * Float.BYTES);
    }
  }

  private void leave() {
    for (int i = 0; i < sums(); i++) {
      code.store(Address.of(SUMS, i * vectorBytes), i);
    }
    code.zeroUpper();
    code.ret();
  }

  private int sums() {
    return 2 * tiles.length * tokens;
  }
}
