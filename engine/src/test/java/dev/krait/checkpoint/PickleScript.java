package dev.krait.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/// A pickle of protocol 2 under construction.
final class PickleScript {
  private final LittleEndian bytes = new LittleEndian();

  /// A state dict with the items that the consumer adds as keys and values.
  static byte[] stateDict(Consumer<PickleScript> items) {
    PickleScript script = start().op(PickleOpcode.EMPTY_DICT).op(PickleOpcode.MARK);
    items.accept(script);
    return script.op(PickleOpcode.SETITEMS).stop();
  }

  static PickleScript start() {
    return new PickleScript().op(PickleOpcode.PROTO).raw(2);
  }

  PickleScript op(PickleOpcode opcode) {
    return raw(opcode.code());
  }

  PickleScript raw(int... values) {
    for (int value : values) {
      bytes.number(1, value);
    }
    return this;
  }

  PickleScript number(int width, long value) {
    bytes.number(width, value);
    return this;
  }

  PickleScript line(String text) {
    bytes.text(text + "\n");
    return this;
  }

  PickleScript text(String text) {
    byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
    bytes.number(1, PickleOpcode.BINUNICODE.code()).number(4, encoded.length).raw(encoded);
    return this;
  }

  PickleScript integer(long value) {
    bytes.number(1, PickleOpcode.LONG1.code()).number(1, 8).number(8, value);
    return this;
  }

  PickleScript tuple(long... values) {
    op(PickleOpcode.MARK);
    for (long value : values) {
      integer(value);
    }
    return op(PickleOpcode.TUPLE);
  }

  PickleScript global(String module, String name) {
    return op(PickleOpcode.GLOBAL).line(module).line(name);
  }

  PickleScript storage(String type, String key, long elements) {
    return op(PickleOpcode.MARK)
        .text("storage")
        .global("torch", type)
        .text(key)
        .text("cpu")
        .integer(elements)
        .op(PickleOpcode.TUPLE)
        .op(PickleOpcode.BINPERSID);
  }

  /// A key and a tensor over a storage that the consumer pushes.
  PickleScript tensor(
      String name, Consumer<PickleScript> storage, long offset, long[] dims, long[] strides) {
    text(name).global("torch._utils", "_rebuild_tensor_v2").op(PickleOpcode.MARK);
    storage.accept(this);
    return integer(offset)
        .tuple(dims)
        .tuple(strides)
        .op(PickleOpcode.NEWFALSE)
        .global("collections", "OrderedDict")
        .op(PickleOpcode.EMPTY_TUPLE)
        .op(PickleOpcode.REDUCE)
        .op(PickleOpcode.TUPLE)
        .op(PickleOpcode.REDUCE);
  }

  /// A key and a vector of floats that fills its storage.
  PickleScript vector(String name, String key, long elements) {
    return tensor(
        name,
        script -> script.storage("FloatStorage", key, elements),
        0,
        new long[] {elements},
        new long[] {1});
  }

  byte[] stop() {
    return op(PickleOpcode.STOP).bytes.toBytes();
  }
}
