package dev.krait.backend.cpu.matmul;

import java.util.Arrays;

/// Machine code of x86-64 with AVX2 and FMA or with AVX-512, as far as matrix products need it.
///
/// Encodings are those of the Intel 64 and IA-32 Architectures Software Developer's Manual, volume
/// 2: section 2.3.5 for the VEX prefix, 2.7 for EVEX, 2.1 for addresses. Vector instructions have
/// one width: 256 bits with the long form of VEX, or 512 with EVEX, whose opcodes are the same.
/// Addresses have an offset of 32 bits: one form of everything.
final class Assembler {
  static final int YMM_BYTES = 32;
  static final int ZMM_BYTES = 64;

  /// General registers by their numbers in the encoding.
  static final int RAX = 0;

  static final int RCX = 1;
  static final int RDX = 2;
  static final int RSI = 6;
  static final int RDI = 7;
  static final int R8 = 8;
  static final int R9 = 9;
  static final int R10 = 10;
  static final int R11 = 11;

  /// A place in memory: `base + index * scale + offset`.
  ///
  /// @param scale 1, 2, 4 or 8
  record Address(int base, int index, int scale, int offset) {
    private static final int NO_INDEX = 4;

    static Address of(int base, int offset) {
      return new Address(base, NO_INDEX, 1, offset);
    }
  }

  /// A vector instruction: implied prefix (1 is 66, 2 is F3), map of opcodes (1 is 0F, 2 is 0F38, 3
  /// is 0F3A), opcode.
  private enum Instruction {
    VPXOR(1, 1, 0xef),
    VPCMPEQD(1, 1, 0x76),
    VPTERNLOGD(1, 3, 0x25),
    VMOVDQU(2, 1, 0x6f),
    VMOVUPS(0, 1, 0x11),
    VPSLLD(1, 1, 0x72),
    VPAND(1, 1, 0xdb),
    VCVTPH2PS(1, 2, 0x13),
    VBROADCASTSS(1, 2, 0x18),
    VFMADD231PS(1, 2, 0xb8);

    private final int prefix;
    private final int map;
    private final int opcode;

    Instruction(int prefix, int map, int opcode) {
      this.prefix = prefix;
      this.map = map;
      this.opcode = opcode;
    }
  }

  /// An extension of the opcode where VPSLLD has no register.
  private static final int SHIFT_LEFT = 6;

  private final boolean evex;
  private byte[] code = new byte[1024];
  private int size;

  /// Writes for vectors of so many bytes, 32 or 64.
  Assembler(int vectorBytes) {
    evex = vectorBytes == ZMM_BYTES;
  }

  /// Vector registers of that width.
  static int registers(int vectorBytes) {
    return vectorBytes == ZMM_BYTES ? 32 : 16;
  }

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
    vector(Instruction.VPXOR, dst, dst, dst);
  }

  /// Sets every bit.
  void ones(int dst) {
    if (evex) {
      vector(Instruction.VPTERNLOGD, dst, dst, dst);
      bytes(0xff);
    } else {
      vector(Instruction.VPCMPEQD, dst, dst, dst);
    }
  }

  void load(int dst, Address from) {
    vector(Instruction.VMOVDQU, dst, from);
  }

  /// Loads half as many bytes and widens fp16 to fp32, exactly.
  void loadHalves(int dst, Address from) {
    vector(Instruction.VCVTPH2PS, dst, from);
  }

  void store(Address to, int src) {
    vector(Instruction.VMOVUPS, src, to);
  }

  /// Shifts every word of 32 bits.
  void shiftLanesLeft(int dst, int src, int bits) {
    vector(Instruction.VPSLLD, SHIFT_LEFT, dst, src);
    bytes(bits);
  }

  void and(int dst, int a, int b) {
    vector(Instruction.VPAND, dst, a, b);
  }

  /// One float in every lane.
  void broadcast(int dst, Address from) {
    vector(Instruction.VBROADCASTSS, dst, from);
  }

  /// `dst += a * b`, rounded once.
  void fma(int dst, int a, int b) {
    vector(Instruction.VFMADD231PS, dst, a, b);
  }

  /// Clears the upper halves, which instructions without VEX would wait for.
  void zeroUpper() {
    bytes(0xc5, 0xf8, 0x77);
  }

  // Other instructions.

  /// Asks for the line at an address, without waiting for it; any address will do.
  void prefetch(Address at) {
    if (at.base >= R8) {
      bytes(0x41);
    }
    bytes(0x0f, 0x18);
    address(1, at);
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

  private void vector(Instruction instruction, int register, int second, int rm) {
    // A register past 15 has its fifth bit where an index would have its fourth.
    prefix(instruction, register, second, rm, rm >> 1);
    registers(register, rm);
  }

  private void vector(Instruction instruction, int register, Address at) {
    prefix(instruction, register, 0, at.base, at.index);
    address(register, at);
  }

  /// VEX or EVEX, and the opcode. Numbers of registers are inverted; 256 bits have a 1 in the third
  /// byte of VEX where EVEX has a fixed 1.
  private void prefix(Instruction instruction, int register, int second, int rm, int index) {
    int first = (~register & 8) << 4 | (~index & 8) << 3 | (~rm & 8) << 2 | instruction.map;
    int next = (~second & 15) << 3 | 4 | instruction.prefix;
    if (evex) {
      bytes(0x62, first | (~register & 16), next, 0x40 | (~second & 16) >> 1);
    } else {
      bytes(0xc4, first, next);
    }
    bytes(instruction.opcode);
  }

  private void rex(int register, int rm) {
    bytes(0x48 | (register & 8) >> 1 | (rm & 8) >> 3);
  }

  private void registers(int register, int rm) {
    bytes(0xc0 | (register & 7) << 3 | (rm & 7));
  }

  /// An address, its index by a byte of its own.
  private void address(int register, Address at) {
    bytes(0x84 | (register & 7) << 3);
    bytes(Integer.numberOfTrailingZeros(at.scale) << 6 | (at.index & 7) << 3 | (at.base & 7));
    word(at.offset);
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
