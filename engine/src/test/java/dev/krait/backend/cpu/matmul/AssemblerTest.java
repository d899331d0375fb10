package dev.krait.backend.cpu.matmul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.krait.backend.cpu.matmul.Assembler.Address;
import dev.krait.backend.cpu.matmul.Assembler.Condition;
import java.util.HexFormat;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Each form of each instruction, with low and high registers and both signs of an offset. The
/// bytes were read back by GNU objdump 2.40 as the instructions named here.
class AssemblerTest {
  private static Arguments ymm(String instruction, String hex, Consumer<Assembler> write) {
    return arguments(instruction, hex, Assembler.YMM_BYTES, write);
  }

  private static Arguments zmm(String instruction, String hex, Consumer<Assembler> write) {
    return arguments(instruction, hex, Assembler.ZMM_BYTES, write);
  }

  static Stream<Arguments> vectorsOf256Bits() {
    return Stream.of(
        ymm("vpxor ymm9,ymm9,ymm9", "c44135efc9", a -> a.zero(9)),
        ymm("vpcmpeqd ymm15,ymm15,ymm15", "c4410576ff", a -> a.ones(15)),
        ymm(
            "vmovdqu ymm3,[rsi+0x40]",
            "c4e17e6f9c2640000000",
            a -> a.load(3, Address.of(Assembler.RSI, 64))),
        ymm(
            "vmovdqu ymm12,[r11-0x20]",
            "c4417e6fa423e0ffffff",
            a -> a.load(12, Address.of(Assembler.R11, -32))),
        ymm(
            "vcvtph2ps ymm7,[r9+0x20]",
            "c4c27d13bc2120000000",
            a -> a.loadHalves(7, Address.of(Assembler.R9, 32))),
        ymm(
            "vcvtph2ps ymm11,[rax+0x10]",
            "c4627d139c2010000000",
            a -> a.loadHalves(11, Address.of(Assembler.RAX, 16))),
        ymm(
            "vmovups [rdx+0x1000],ymm10",
            "c4617c11942200100000",
            a -> a.store(Address.of(Assembler.RDX, 4096), 10)),
        ymm("vpslld ymm8,ymm2,16", "c4e13d72f210", a -> a.shiftLanesLeft(8, 2, 16)),
        ymm("vpslld ymm1,ymm13,16", "c4c17572f510", a -> a.shiftLanesLeft(1, 13, 16)),
        ymm("vpand ymm11,ymm4,ymm15", "c4415ddbdf", a -> a.and(11, 4, 15)),
        ymm("vpand ymm4,ymm11,ymm3", "c4e125dbe3", a -> a.and(4, 11, 3)),
        ymm(
            "vbroadcastss ymm14,[rdi+0xc]",
            "c4627d18b4270c000000",
            a -> a.broadcast(14, Address.of(Assembler.RDI, 12))),
        ymm(
            "vbroadcastss ymm5,[r8+rcx*4-0x4]",
            "c4c27d18ac88fcffffff",
            a -> a.broadcast(5, new Address(Assembler.R8, Assembler.RCX, 4, -4))),
        ymm(
            "vbroadcastss ymm5,[rax+r10*8+0x100]",
            "c4a27d18acd000010000",
            a -> a.broadcast(5, new Address(Assembler.RAX, Assembler.R10, 8, 256))),
        ymm("vfmadd231ps ymm0,ymm7,ymm8", "c4c245b8c0", a -> a.fma(0, 7, 8)),
        ymm("vfmadd231ps ymm9,ymm10,ymm1", "c4622db8c9", a -> a.fma(9, 10, 1)),
        ymm("vfmadd231ps ymm1,ymm9,ymm2", "c4e235b8ca", a -> a.fma(1, 9, 2)),
        ymm("vzeroupper", "c5f877", Assembler::zeroUpper));
  }

  static Stream<Arguments> vectorsOf512Bits() {
    return Stream.of(
        zmm("vpxord zmm25,zmm25,zmm25", "62013540efc9", a -> a.zero(25)),
        zmm("vpternlogd zmm31,zmm31,zmm31,0xff", "6203054025ffff", a -> a.ones(31)),
        zmm(
            "vmovdqu32 zmm3,[rsi+0x40]",
            "62f17e486f9c2640000000",
            a -> a.load(3, Address.of(Assembler.RSI, 64))),
        zmm(
            "vmovdqu32 zmm28,[r11-0x20]",
            "62417e486fa423e0ffffff",
            a -> a.load(28, Address.of(Assembler.R11, -32))),
        zmm(
            "vcvtph2ps zmm7,[r9+0x20]",
            "62d27d4813bc2120000000",
            a -> a.loadHalves(7, Address.of(Assembler.R9, 32))),
        zmm(
            "vcvtph2ps zmm27,[rax+0x10]",
            "62627d48139c2010000000",
            a -> a.loadHalves(27, Address.of(Assembler.RAX, 16))),
        zmm(
            "vmovups [rdx+0x1000],zmm26",
            "62617c4811942200100000",
            a -> a.store(Address.of(Assembler.RDX, 4096), 26)),
        zmm("vpslld zmm24,zmm2,16", "62f13d4072f210", a -> a.shiftLanesLeft(24, 2, 16)),
        zmm("vpslld zmm1,zmm29,16", "6291754872f510", a -> a.shiftLanesLeft(1, 29, 16)),
        zmm("vpandd zmm27,zmm4,zmm31", "62015d48dbdf", a -> a.and(27, 4, 31)),
        zmm("vpandd zmm4,zmm27,zmm3", "62f12540dbe3", a -> a.and(4, 27, 3)),
        zmm(
            "vbroadcastss zmm30,[rdi+0xc]",
            "62627d4818b4270c000000",
            a -> a.broadcast(30, Address.of(Assembler.RDI, 12))),
        zmm(
            "vbroadcastss zmm5,[r8+rcx*4-0x4]",
            "62d27d4818ac88fcffffff",
            a -> a.broadcast(5, new Address(Assembler.R8, Assembler.RCX, 4, -4))),
        zmm(
            "vbroadcastss zmm21,[rax+r10*8+0x100]",
            "62a27d4818acd000010000",
            a -> a.broadcast(21, new Address(Assembler.RAX, Assembler.R10, 8, 256))),
        zmm("vfmadd231ps zmm0,zmm7,zmm24", "62924548b8c0", a -> a.fma(0, 7, 24)),
        zmm("vfmadd231ps zmm25,zmm26,zmm1", "62622d40b8c9", a -> a.fma(25, 26, 1)),
        zmm("vfmadd231ps zmm1,zmm25,zmm2", "62f23540b8ca", a -> a.fma(1, 25, 2)),
        zmm("vzeroupper", "c5f877", Assembler::zeroUpper));
  }

  static Stream<Arguments> others() {
    return Stream.of(
        ymm(
            "prefetcht0 [rsi+0x200]",
            "0f188c2600020000",
            a -> a.prefetch(Address.of(Assembler.RSI, 512))),
        ymm("prefetcht0 [r9]", "410f188c2100000000", a -> a.prefetch(Address.of(Assembler.R9, 0))),
        ymm("mov rax,r9", "4c89c8", a -> a.move(Assembler.RAX, Assembler.R9)),
        ymm("mov r10,rdi", "4989fa", a -> a.move(Assembler.R10, Assembler.RDI)),
        ymm("add r8,rdx", "4901d0", a -> a.addRegister(Assembler.R8, Assembler.RDX)),
        ymm("add rcx,0x10000", "4881c100000100", a -> a.add(Assembler.RCX, 65_536)),
        ymm("add r11,-8", "4981c3f8ffffff", a -> a.add(Assembler.R11, -8)),
        ymm("sub rdx,1", "4881ea01000000", a -> a.subtract(Assembler.RDX, 1)),
        ymm("sub r9,0x3e8", "4981e9e8030000", a -> a.subtract(Assembler.R9, 1000)),
        ymm("shl rcx,2", "48c1e102", a -> a.shiftLeft(Assembler.RCX, 2)),
        ymm("shl r10,5", "49c1e205", a -> a.shiftLeft(Assembler.R10, 5)),
        ymm("ret", "c3", Assembler::ret));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource({"vectorsOf256Bits", "vectorsOf512Bits", "others"})
  void writesTheEncodingOfTheManual(
      String instruction, String hex, int vectorBytes, Consumer<Assembler> write) {
    Assembler assembler = new Assembler(vectorBytes);
    write.accept(assembler);
    assertThat(HexFormat.of().formatHex(assembler.code())).as(instruction).isEqualTo(hex);
    assertThat(assembler.position()).isEqualTo(hex.length() / 2);
  }

  @Test
  void jumpsGoBackAndAhead() {
    Assembler assembler = new Assembler(Assembler.YMM_BYTES);
    int top = assembler.position();
    int ahead = assembler.jumpAhead(Condition.BELOW);
    assembler.add(Assembler.RAX, 1);
    assembler.jumpBack(Condition.NOT_ZERO, top);
    assembler.jumpBack(Condition.NOT_BELOW, top);
    int last = assembler.jumpAhead(Condition.ZERO);
    assembler.ret();
    assembler.land(ahead);
    assembler.land(last);
    assembler.ret();
    assertThat(HexFormat.of().formatHex(assembler.code()))
        .isEqualTo(
            "0f821a000000" // jb 0x20
                + "4881c001000000" // add rax,1
                + "0f85edffffff" // jne 0
                + "0f83e7ffffff" // jae 0
                + "0f8401000000" // je 0x20
                + "c3"
                + "c3"); // 0x20
  }

  @Test
  void codeGrowsPastItsFirstRoom() {
    Assembler assembler = new Assembler(Assembler.YMM_BYTES);
    for (int i = 0; i < 3000; i++) {
      assembler.ret();
    }
    assertThat(assembler.code()).hasSize(3000).containsOnly(0xc3);
  }
}
