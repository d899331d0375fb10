package dev.krait.backend.cpu;

import java.util.Arrays;

/// Machine code of x86-64 with AVX2 and FMA, as far as matrix products need it.
///
/// Encodings are those of the Intel 64 and IA-32 Architectures Software Developer's Manual, volume
/// 2: section 2.3.5 for the VEX prefix, 2.1 for addresses. Vector instructions have 256 bits, take
/// the long form of the prefix, and addresses an offset of 32 bits: one form of everything.
final class Assembler {
  /// General registers by their numbers in the encoding.
  static final int RAX = 0;

  static final int RCX = 1;
  static final int RDX = 2;
  static final int RBX = 3;
  static final int RSI = 6;
  static final int RDI = 7;
  static final int R8 = 8;
  static final int R9 = 9;
  static final int R10 = 10;
  static final int R11 = 11;

  /// No index register in an [#address].
  private static final int NO_INDEX = 4;

  // Opcode maps and implied prefixes of VEX.
  private static final int MAP_0F = 1;
  private static final int MAP_0F38 = 2;
  private static final int PLAIN = 0;
  private static final int P66 = 1;
  private static final int PF3 = 2;

  private byte[] code = new byte[1024];
  private int size;

  /// What was written.
  byte[] code() {
    return Arrays.copyOf(code, size);
  }

  /// Where the next instruction starts.
  int position() {
    return size;
  }

  // Vector instructions.

  void zero(int dst) {
    vex(PLAIN, MAP_0F, 0x57, dst, dst, dst); // vxorps
  }

  void ones(int dst) {
    vex(P66, MAP_0F, 0x76, dst, dst, dst); // vpcmpeqd
  }

  void load(int dst, int base, int offset) {
    vex(PF3, MAP_0F, 0x6f, dst, base, NO_INDEX, 1, offset); // vmovdqu
  }

  void store(int base, int offset, int src) {
    vex(PLAIN, MAP_0F, 0x11, src, base, NO_INDEX, 1, offset); // vmovups
  }

  /// Shifts every word of 32 bits.
  void shiftLanesLeft(int dst, int src, int bits) {
    vex(P66, MAP_0F, 0x72, 6, dst, src); // vpslld
    bytes(bits);
  }

  void and(int dst, int a, int b) {
    vex(P66, MAP_0F, 0xdb, dst, a, b); // vpand
  }

  /// The float at `base + offset` in every lane.
  void broadcast(int dst, int base, int offset) {
    vex(P66, MAP_0F38, 0x18, dst, base, NO_INDEX, 1, offset); // vbroadcastss
  }

  /// The float at `base + index * scale + offset` in every lane.
  ///
  /// @param scale 1, 2, 4 or 8
  void broadcast(int dst, int base, int index, int scale, int offset) {
    vex(P66, MAP_0F38, 0x18, dst, base, index, scale, offset); // vbroadcastss
  }

  /// `dst += a * b`, rounded once.
  void fma(int dst, int a, int b) {
    vex(P66, MAP_0F38, 0xb8, dst, a, b); // vfmadd231ps
  }

  /// Clears the upper halves, which instructions without VEX would wait for.
  void zeroUpper() {
    bytes(0xc5, 0xf8, 0x77);
  }

  // Other instructions.

  /// Asks for the line at an address, without waiting for it; any address will do.
  void prefetch(int base, int offset) {
    if (base >= R8) {
      bytes(0x41);
    }
    bytes(0x0f, 0x18);
    address(1, base, NO_INDEX, 1, offset);
  }

  void move(int dst, int src) {
    rex(src, dst);
    bytes(0x89);
    registers(src, dst);
  }

  void addRegister(int dst, int src) {
    rex(src, dst);
    bytes(0x01);
    registers(src, dst);
  }

  void add(int dst, int value) {
    rex(0, dst);
    bytes(0x81);
    registers(0, dst);
    word(value);
  }

  void subtract(int dst, int value) {
    rex(0, dst);
    bytes(0x81);
    registers(5, dst);
    word(value);
  }

  void shiftLeft(int dst, int bits) {
    rex(0, dst);
    bytes(0xc1);
    registers(4, dst);
    bytes(bits);
  }

  void push(int register) {
    bytes(0x50 + register);
  }

  void pop(int register) {
    bytes(0x58 + register);
  }

  void ret() {
    bytes(0xc3);
  }

  /// A condition of the last [#add] or [#subtract], as the jumps encode it.
  enum Condition {
    BELOW(0x82),
    NOT_BELOW(0x83),
    ZERO(0x84),
    NOT_ZERO(0x85);

    private final int opcode;

    Condition(int opcode) {
      this.opcode = opcode;
    }
  }

  /// A jump to a place before.
  void jumpBack(Condition condition, int target) {
    int jump = jumpAhead(condition);
    land(jump, target);
  }

  /// A jump whose place is not known yet; [#land] it.
  int jumpAhead(Condition condition) {
    bytes(0x0f, condition.opcode);
    word(0);
    return size;
  }

  /// Lets a jump go to the next instruction.
  void land(int jump) {
    land(jump, size);
  }

  private void land(int jump, int target) {
    int distance = target - jump;
    for (int i = 0; i < 4; i++) {
      code[jump - 4 + i] = (byte) (distance >> (8 * i));
    }
  }

  private void vex(int prefix, int map, int opcode, int register, int second, int rm) {
    vexPrefix(prefix, map, register, 0, rm, second);
    bytes(opcode);
    registers(register, rm);
  }

  private void vex(
      int prefix, int map, int opcode, int register, int base, int index, int scale, int offset) {
    vexPrefix(prefix, map, register, index, base, 0);
    bytes(opcode);
    address(register, base, index, scale, offset);
  }

  private void vexPrefix(int prefix, int map, int register, int index, int rm, int second) {
    int high = (~register & 8) << 4 | (~index & 8) << 3 | (~rm & 8) << 2;
    bytes(0xc4, high | map, (~second & 15) << 3 | 4 | prefix);
  }

  private void rex(int register, int rm) {
    bytes(0x48 | (register & 8) >> 1 | (rm & 8) >> 3);
  }

  private void registers(int register, int rm) {
    bytes(0xc0 | (register & 7) << 3 | (rm & 7));
  }

  /// `base + index * scale + offset`, the index by a byte of its own.
  private void address(int register, int base, int index, int scale, int offset) {
    bytes(0x84 | (register & 7) << 3);
    bytes(Integer.numberOfTrailingZeros(scale) << 6 | (index & 7) << 3 | (base & 7));
    word(offset);
  }

  private void word(int value) {
    bytes(value & 255, value >> 8 & 255, value >> 16 & 255, value >> 24 & 255);
  }

  private void bytes(int... values) {
    if (size + values.length > code.length) {
      code = Arrays.copyOf(code, 2 * code.length);
    }
    for (int value : values) {
      code[size++] = (byte) value;
    }
  }
}
