package dev.krait.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.krait.backend.cpu.Assembler.Condition;
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
  private static Arguments form(String instruction, String hex, Consumer<Assembler> write) {
    return arguments(instruction, hex, write);
  }

  static Stream<Arguments> vectors() {
    return Stream.of(
        form("vxorps ymm9,ymm9,ymm9", "c4413457c9", a -> a.zero(9)),
        form("vpcmpeqd ymm15,ymm15,ymm15", "c4410576ff", a -> a.ones(15)),
        form("vmovdqu ymm3,[rsi+0x40]", "c4e17e6f9c2640000000", a -> a.load(3, Assembler.RSI, 64)),
        form(
            "vmovdqu ymm12,[r11-0x20]",
            "c4417e6fa423e0ffffff",
            a -> a.load(12, Assembler.R11, -32)),
        form(
            "vmovups [rdx+0x1000],ymm10",
            "c4617c11942200100000",
            a -> a.store(Assembler.RDX, 4096, 10)),
        form("vpslld ymm8,ymm2,16", "c4e13d72f210", a -> a.shiftLanesLeft(8, 2, 16)),
        form("vpslld ymm1,ymm13,16", "c4c17572f510", a -> a.shiftLanesLeft(1, 13, 16)),
        form("vpand ymm11,ymm4,ymm15", "c4415ddbdf", a -> a.and(11, 4, 15)),
        form(
            "vbroadcastss ymm14,[rdi+0xc]",
            "c4627d18b4270c000000",
            a -> a.broadcast(14, Assembler.RDI, 12)),
        form(
            "vbroadcastss ymm5,[r8+rcx*4-0x4]",
            "c4c27d18ac88fcffffff",
            a -> a.broadcast(5, Assembler.R8, Assembler.RCX, 4, -4)),
        form(
            "vbroadcastss ymm5,[rax+r10*8+0x100]",
            "c4a27d18acd000010000",
            a -> a.broadcast(5, Assembler.RAX, Assembler.R10, 8, 256)),
        form("vfmadd231ps ymm0,ymm7,ymm8", "c4c245b8c0", a -> a.fma(0, 7, 8)),
        form("vfmadd231ps ymm9,ymm10,ymm1", "c4622db8c9", a -> a.fma(9, 10, 1)),
        form("vzeroupper", "c5f877", Assembler::zeroUpper));
  }

  static Stream<Arguments> others() {
    return Stream.of(
        form("prefetcht0 [rsi+0x200]", "0f188c2600020000", a -> a.prefetch(Assembler.RSI, 512)),
        form("prefetcht0 [r9]", "410f188c2100000000", a -> a.prefetch(Assembler.R9, 0)),
        form("mov rax,r9", "4c89c8", a -> a.move(Assembler.RAX, Assembler.R9)),
        form("mov r10,rdi", "4989fa", a -> a.move(Assembler.R10, Assembler.RDI)),
        form("add r8,rbx", "4901d8", a -> a.addRegister(Assembler.R8, Assembler.RBX)),
        form("add rcx,0x10000", "4881c100000100", a -> a.add(Assembler.RCX, 65_536)),
        form("add r11,-8", "4981c3f8ffffff", a -> a.add(Assembler.R11, -8)),
        form("sub rdx,1", "4881ea01000000", a -> a.subtract(Assembler.RDX, 1)),
        form("sub r9,0x3e8", "4981e9e8030000", a -> a.subtract(Assembler.R9, 1000)),
        form("shl rcx,2", "48c1e102", a -> a.shiftLeft(Assembler.RCX, 2)),
        form("shl r10,5", "49c1e205", a -> a.shiftLeft(Assembler.R10, 5)),
        form("push rbx", "53", a -> a.push(Assembler.RBX)),
        form("pop rbx", "5b", a -> a.pop(Assembler.RBX)),
        form("ret", "c3", Assembler::ret));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource({"vectors", "others"})
  void writesTheEncodingOfTheManual(String instruction, String hex, Consumer<Assembler> write) {
    Assembler assembler = new Assembler();
    write.accept(assembler);
    assertThat(HexFormat.of().formatHex(assembler.code())).as(instruction).isEqualTo(hex);
    assertThat(assembler.position()).isEqualTo(hex.length() / 2);
  }

  @Test
  void jumpsGoBackAndAhead() {
    Assembler assembler = new Assembler();
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
    Assembler assembler = new Assembler();
    for (int i = 0; i < 3000; i++) {
      assembler.ret();
    }
    assertThat(assembler.code()).hasSize(3000).containsOnly(0xc3);
  }
}
