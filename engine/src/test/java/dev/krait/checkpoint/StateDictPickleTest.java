package dev.krait.checkpoint;

import static dev.krait.checkpoint.Named.named;
import static dev.krait.checkpoint.Refusals.refusalOf;
import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.checkpoint.PickleValue.StoredTensor;
import dev.krait.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SortedMap;
import org.assertj.core.api.AbstractStringAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class StateDictPickleTest {
  private static final long[] ONE = {1};

  @Test
  void plainDictionaryOfTensorsIsRead() {
    SortedMap<String, StoredTensor> tensors =
        read(
            PickleScript.stateDict(script ->
                script.tensor(
                    "w",
                    storage -> storage.storage("BFloat16Storage", "7", 12),
                    6,
                    new long[] {2, 3},
                    new long[] {3, 1})));

    StoredTensor tensor = named("w", tensors);
    assertThat(tensor.storage()).isEqualTo(new PickleValue.Storage(DType.BF16, "7", 12));
    assertThat(tensor.offset()).isEqualTo(6);
    assertThat(tensor.dims()).containsExactly(2L, 3L);
    assertThat(tensor.strides()).containsExactly(3L, 1L);
  }

  @Test
  void stateDictOfAModuleWithMetadataAndParametersIsRead() {
    PickleScript script = orderedDict(PickleScript.start());
    script.op(PickleOpcode.BINPUT).raw(0).op(PickleOpcode.MARK);
    script.text("w").global("torch._utils", "_rebuild_parameter").op(PickleOpcode.MARK);
    script.global("torch._utils", "_rebuild_tensor_v2").op(PickleOpcode.MARK);
    script.storage("HalfStorage", "0", 1).integer(0).tuple(ONE).tuple(ONE);
    orderedDict(script.op(PickleOpcode.NEWTRUE)).op(PickleOpcode.TUPLE).op(PickleOpcode.REDUCE);
    orderedDict(script.op(PickleOpcode.NEWTRUE)).op(PickleOpcode.TUPLE).op(PickleOpcode.REDUCE);
    script.op(PickleOpcode.SETITEMS);
    script.op(PickleOpcode.EMPTY_DICT).text("_metadata");
    orderedDict(script).text("").op(PickleOpcode.EMPTY_DICT).text("version");
    script.op(PickleOpcode.BININT1).raw(1);
    script.op(PickleOpcode.SETITEM).op(PickleOpcode.SETITEM).op(PickleOpcode.SETITEM);
    script.op(PickleOpcode.BUILD);

    assertThat(read(script.stop()).keySet()).containsExactly("w");
  }

  @Test
  void everyStorageClassHasItsType() {
    String[] classes = {
      "DoubleStorage", "FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage",
      "IntStorage", "ShortStorage", "CharStorage", "ByteStorage", "BoolStorage"
    };
    DType[] types = {
      DType.F64, DType.F32, DType.F16, DType.BF16, DType.I64,
      DType.I32, DType.I16, DType.I8, DType.U8, DType.BOOL
    };
    for (int i = 0; i < classes.length; i++) {
      String type = classes[i];
      SortedMap<String, StoredTensor> tensors =
          read(
              PickleScript.stateDict(script ->
                  script.tensor("w", storage -> storage.storage(type, "0", 1), 0, ONE, ONE)));

      assertThat(named("w", tensors).storage().dtype()).as(type).isEqualTo(types[i]);
    }
  }

  @Test
  void callOfOsSystemIsRefusedByName() {
    byte[] pickle =
        PickleScript.start()
            .global("os", "system")
            .text("echo pwned")
            .op(PickleOpcode.TUPLE1)
            .op(PickleOpcode.REDUCE)
            .stop();

    refusal(pickle).contains("global: os.system");
  }

  @Test
  void callOfBuiltinsEvalIsRefusedByName() {
    byte[] pickle =
        PickleScript.start()
            .global("builtins", "eval")
            .text("1")
            .op(PickleOpcode.TUPLE1)
            .op(PickleOpcode.REDUCE)
            .stop();

    refusal(pickle).contains("global: builtins.eval");
  }

  @Test
  void globalFromTheStackIsRefusedByName() {
    byte[] pickle =
        PickleScript.start()
            .text("builtins")
            .text("eval")
            .op(PickleOpcode.STACK_GLOBAL)
            .text("1")
            .op(PickleOpcode.TUPLE1)
            .op(PickleOpcode.REDUCE)
            .stop();

    refusal(pickle).contains("opcode: STACK_GLOBAL");
  }

  @Test
  void otherNamesOfTorchAreRefusedByName() {
    for (String name : new String[] {"_load_from_bytes", "UntypedStorage", "TypedStorage"}) {
      refusal(PickleScript.start().global("torch.storage", name).stop())
          .contains("global: torch.storage." + name);
    }
    refusal(PickleScript.start().global("torch._utils", "_rebuild_tensor_v3").stop())
        .contains("global: torch._utils._rebuild_tensor_v3");
  }

  @Test
  void nameSplitOverTheDotDoesNotPassForAnother() {
    refusal(PickleScript.start().global("torch._utils._rebuild_tensor_v2", "").stop())
        .contains("global: torch._utils._rebuild_tensor_v2.");
    refusal(PickleScript.start().global("", "collections.OrderedDict").stop())
        .contains("global: .collections.OrderedDict");
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {
        "MARK",
        "STOP",
        "NONE",
        "NEWTRUE",
        "NEWFALSE",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "BINUNICODE",
        "EMPTY_TUPLE",
        "TUPLE1",
        "TUPLE2",
        "TUPLE3",
        "TUPLE",
        "EMPTY_DICT",
        "SETITEM",
        "SETITEMS",
        "BINPUT",
        "LONG_BINPUT",
        "BINGET",
        "LONG_BINGET",
        "GLOBAL",
        "BINPERSID",
        "REDUCE",
        "BUILD"
      })
  void everyOtherOpcodeIsRefusedByName(PickleOpcode opcode) {
    byte[] pickle =
        orderedDict(PickleScript.start())
            .op(PickleOpcode.EMPTY_TUPLE)
            .op(opcode)
            .raw(1, 0, 0, 0, 0, 0, 0, 0)
            .stop();

    refusal(pickle).contains("opcode: " + opcode.name() + " (");
  }

  @Test
  void byteThatIsNoOpcodeIsRefused() {
    refusal(PickleScript.start().raw(0xFF).stop()).contains("opcode: 0xff");
  }

  @Test
  void buildOnAnythingButMetadataIsRefused() {
    PickleScript attributes = orderedDict(PickleScript.start()).op(PickleOpcode.EMPTY_DICT);
    attributes.text("__class__").op(PickleOpcode.NONE).op(PickleOpcode.SETITEM);
    refusal(attributes.op(PickleOpcode.BUILD).stop()).contains("BUILD on a dictionary of 0");

    PickleScript onGlobal = PickleScript.start().global("collections", "OrderedDict");
    refusal(onGlobal.op(PickleOpcode.EMPTY_DICT).op(PickleOpcode.BUILD).stop())
        .contains("BUILD on collections.OrderedDict");

    PickleScript onTuple = PickleScript.start().op(PickleOpcode.EMPTY_TUPLE);
    refusal(onTuple.op(PickleOpcode.EMPTY_DICT).op(PickleOpcode.BUILD).stop())
        .contains("BUILD on a tuple of 0");
  }

  @Test
  void callOfAStorageClassOrOfAValueIsRefused() {
    refusal(call(PickleScript.start().global("torch", "FloatStorage")))
        .contains("call of: torch.FloatStorage");
    refusal(call(PickleScript.start().text("os.system"))).contains("call of: a string");
  }

  @Test
  void wrongArgumentsAreRefused() {
    refusal(call(PickleScript.start().global("torch._utils", "_rebuild_tensor_v2")))
        .contains("arguments of torch._utils._rebuild_tensor_v2: []");
    refusal(call(PickleScript.start().global("torch._utils", "_rebuild_parameter")))
        .contains("arguments of torch._utils._rebuild_parameter: []");
    PickleScript items = PickleScript.start().global("collections", "OrderedDict").tuple(1);
    refusal(items.op(PickleOpcode.REDUCE).stop()).contains("[an integer]");
  }

  @Test
  void unknownPersistentIdIsRefused() {
    PickleScript id = PickleScript.start().text("../../etc/passwd").op(PickleOpcode.BINPERSID);
    refusal(id.stop()).contains("persistent id: a string");
    PickleScript pair = PickleScript.start().tuple(1, 2).op(PickleOpcode.BINPERSID);
    refusal(pair.stop()).contains("persistent id: a tuple of 2");
  }

  @Test
  void memoIndexThatSkipsIsRefused() {
    byte[] pickle =
        PickleScript.start()
            .op(PickleOpcode.EMPTY_DICT)
            .op(PickleOpcode.LONG_BINPUT)
            .number(4, 0xFFFFFFFFL)
            .stop();

    refusal(pickle).contains("memo index: 4294967295");
  }

  @Test
  void memoIndexThatWasNeverSetIsRefused() {
    refusal(PickleScript.start().op(PickleOpcode.BINGET).raw(3).stop()).contains("memo index: 3");
  }

  @Test
  void memoOfMillionsIsRefused() {
    PickleScript script = PickleScript.start().op(PickleOpcode.EMPTY_DICT);
    for (int i = 0; i <= 1_000_000; i++) {
      script.op(PickleOpcode.LONG_BINPUT).number(4, i);
    }

    refusal(script.stop()).contains("1000001", "at most");
  }

  @Test
  void valueThatDoublesThroughTheMemoCostsNothing() {
    PickleScript script = PickleScript.start().op(PickleOpcode.EMPTY_TUPLE);
    for (int i = 0; i < 200; i++) {
      script.op(PickleOpcode.BINPUT).raw(i).op(PickleOpcode.BINGET).raw(i).op(PickleOpcode.TUPLE2);
    }

    refusal(script.stop()).contains("content: a tuple of 2");
  }

  @Test
  void dictionaryThatHoldsItselfIsRefused() {
    byte[] pickle =
        PickleScript.start()
            .op(PickleOpcode.EMPTY_DICT)
            .op(PickleOpcode.BINPUT)
            .raw(0)
            .text("self")
            .op(PickleOpcode.BINGET)
            .raw(0)
            .op(PickleOpcode.SETITEM)
            .stop();

    refusal(pickle).contains("key self: a dictionary of 1", "a tensor");
  }

  @Test
  void stackOfMillionsIsRefused() {
    PickleScript script = PickleScript.start();
    for (int i = 0; i < 1_000_000; i++) {
      script.op(PickleOpcode.NONE);
    }

    refusal(script.stop()).contains("stack", "100001");
  }

  @Test
  void marksOfMillionsAreRefused() {
    PickleScript script = PickleScript.start();
    for (int i = 0; i < 1_000_000; i++) {
      script.op(PickleOpcode.MARK);
    }

    refusal(script.stop()).contains("marks", "100001");
  }

  @Test
  void tupleNestedMillionsDeepIsRefused() {
    PickleScript script = PickleScript.start().op(PickleOpcode.EMPTY_TUPLE);
    for (int i = 0; i < 5_000_000; i++) {
      script.op(PickleOpcode.TUPLE1);
    }

    refusal(script.stop()).contains("opcodes: too many");
  }

  @Test
  void otherProtocolIsRefused() {
    byte[] pickle = PickleScript.start().op(PickleOpcode.EMPTY_DICT).stop();
    pickle[1] = 4;
    refusal(pickle).contains("pickle protocol: 4");
    pickle[0] = (byte) PickleOpcode.NONE.code();
    refusal(pickle).contains("first opcode");
  }

  @Test
  void pickleThatStopsEarlyOrLateIsRefused() {
    byte[] whole = PickleScript.stateDict(script -> script.vector("w", "0", 4));
    for (int length = 0; length < whole.length; length++) {
      byte[] part = Arrays.copyOf(whole, length);
      refusal(part);
    }
    refusal(Arrays.copyOf(whole, whole.length + 1)).contains("STOP");
  }

  @Test
  void operandsBeyondTheEndAreRefused() {
    PickleScript text = PickleScript.start().op(PickleOpcode.BINUNICODE).number(4, 0xFFFFFFFFL);
    refusal(text.stop()).contains("operand: 4294967295 bytes");
    PickleScript number = PickleScript.start().op(PickleOpcode.LONG1).raw(200);
    refusal(number.stop()).contains("LONG1: 200 bytes");
    PickleScript line = PickleScript.start().op(PickleOpcode.GLOBAL).line("x".repeat(10_000));
    refusal(line.stop()).contains("line: too long");
  }

  @Test
  void stackUnderflowIsRefused() {
    for (PickleOpcode opcode :
        new PickleOpcode[] {
          PickleOpcode.TUPLE1,
          PickleOpcode.TUPLE,
          PickleOpcode.SETITEM,
          PickleOpcode.SETITEMS,
          PickleOpcode.REDUCE,
          PickleOpcode.BUILD,
          PickleOpcode.BINPERSID
        }) {
      refusal(PickleScript.start().op(opcode).stop()).contains("stack");
    }
    PickleScript belowMark = PickleScript.start().op(PickleOpcode.NONE).op(PickleOpcode.MARK);
    refusal(belowMark.op(PickleOpcode.TUPLE1).stop()).contains("stack: 0 values");
  }

  @Test
  void nameGivenTwiceIsRefused() {
    refusal(PickleScript.stateDict(script -> script.vector("w", "0", 4).vector("w", "1", 4)))
        .contains("dictionary key w: twice");
  }

  @Test
  void valueThatIsNoTensorIsRefusedWithItsKey() {
    refusal(PickleScript.stateDict(script -> script.text("epoch").integer(3)))
        .contains("key epoch: an integer");
  }

  @Test
  void keyThatIsNoStringIsRefused() {
    refusal(PickleScript.stateDict(script -> script.integer(3).integer(3)))
        .contains("dictionary key: an integer");
  }

  @Test
  void textThatIsNotUtf8IsRefused() {
    PickleScript text = PickleScript.start().op(PickleOpcode.BINUNICODE).number(4, 1).raw(0xC3);
    refusal(text.stop()).contains("text: malformed");
  }

  private static PickleScript orderedDict(PickleScript script) {
    return script
        .global("collections", "OrderedDict")
        .op(PickleOpcode.EMPTY_TUPLE)
        .op(PickleOpcode.REDUCE);
  }

  private static byte[] call(PickleScript callable) {
    return callable.op(PickleOpcode.EMPTY_TUPLE).op(PickleOpcode.REDUCE).stop();
  }

  private static SortedMap<String, StoredTensor> read(byte[] pickle) {
    return StateDictPickle.read(Path.of("m.bin"), MemorySegment.ofArray(pickle));
  }

  private static AbstractStringAssert<?> refusal(byte[] pickle) {
    return refusalOf(() -> read(pickle)).startsWith("m.bin: data.pkl");
  }
}
