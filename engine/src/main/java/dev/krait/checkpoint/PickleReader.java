package dev.krait.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A pickle machine that knows only what a state dictionary of tensors needs. Nothing is ever
/// executed: a global is a name, and the four names that may be called build plain values. Anything
/// else is refused by name.
///
/// Opcodes are those of Python's `pickletools`, protocols 2 to 4.
final class PickleReader {
  private static final int MAX_MEMO = 1 << 22;
  private static final int MAX_TEXT = 1 << 16;

  /// A value of Python's `None`.
  static final Object NONE = new Object();

  private static final Object MARK = new Object();

  /// A name `module.attribute`; not loaded, only compared.
  record Global(String name) {}

  /// A storage: element type's class name, entry name, elements.
  record StorageRef(String storageClass, String key, long elements) {}

  /// A tensor over a storage.
  record TensorRef(StorageRef storage, long offset, List<Long> shape, List<Long> strides) {}

  private final MappedFile file;
  private final ByteBuffer in;
  private final List<Object> stack = new ArrayList<>();
  private final Map<Integer, Object> memo = new HashMap<>();

  private PickleReader(MappedFile file, byte[] bytes) {
    this.file = file;
    in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// Runs a pickle and returns the dictionary that it leaves.
  static Map<Object, Object> readDictionary(MappedFile file, byte[] bytes) {
    PickleReader reader = new PickleReader(file, bytes);
    try {
      return reader.run();
    } catch (java.nio.BufferUnderflowException | IndexOutOfBoundsException failure) {
      throw file.broken("pickle ends or its stack is empty at byte " + reader.in.position());
    }
  }

  private Map<Object, Object> run() {
    while (true) {
      int at = in.position();
      int opcode = in.get() & 0xFF;
      if (opcode == '.') {
        return map(pop(), "the pickled object");
      }
      if (!literal(opcode) && !structure(opcode)) {
        throw file.broken(
            String.format(
                "pickle opcode 0x%02x at byte %d is refused (expected: a state dictionary of tensors)",
                opcode, at));
      }
    }
  }

  private boolean literal(int opcode) {
    switch (opcode) {
      case 0x80 -> protocol(in.get());
      case 0x95 -> in.getLong();
      case 'N' -> stack.add(NONE);
      case 0x88 -> stack.add(true);
      case 0x89 -> stack.add(false);
      case 'J' -> stack.add((long) in.getInt());
      case 'K' -> stack.add((long) (in.get() & 0xFF));
      case 'M' -> stack.add((long) (in.getShort() & 0xFFFF));
      case 0x8a -> stack.add(longOf(in.get() & 0xFF));
      case 'G' -> stack.add(in.order(ByteOrder.BIG_ENDIAN).getDouble());
      case 'X' -> stack.add(text(in.getInt()));
      case 0x8c -> stack.add(text(in.get() & 0xFF));
      case ')' -> stack.add(List.of());
      case ']' -> stack.add(new ArrayList<>());
      case '}' -> stack.add(new LinkedHashMap<>());
      default -> {
        return false;
      }
    }
    in.order(ByteOrder.LITTLE_ENDIAN);
    return true;
  }

  private boolean structure(int opcode) {
    switch (opcode) {
      case '(' -> stack.add(MARK);
      case 't' -> stack.add(Collections.unmodifiableList(popToMark()));
      case 0x85 -> stack.add(tuple(1));
      case 0x86 -> stack.add(tuple(2));
      case 0x87 -> stack.add(tuple(3));
      case 'q' -> memoize(in.get() & 0xFF);
      case 'r' -> memoize(in.getInt());
      case 0x94 -> memoize(memo.size());
      case 'h' -> recall(in.get() & 0xFF);
      case 'j' -> recall(in.getInt());
      case 'c' -> stack.add(global(line() + "." + line()));
      case 0x93 -> stackGlobal();
      case 'Q' -> stack.add(storage(pop()));
      case 'R' -> reduce();
      case 'b' -> build();
      case 's' -> setItems(tuple(2));
      case 'u' -> setItems(popToMark());
      case 'a' -> append(tuple(1));
      case 'e' -> append(popToMark());
      default -> {
        return false;
      }
    }
    return true;
  }

  private void protocol(int version) {
    if (version < 2 || version > 4) {
      throw file.broken("pickle protocol: " + version + " (expected: 2 to 4)");
    }
  }

  private long longOf(int bytes) {
    if (bytes > 8) {
      throw file.broken("pickle integer: " + bytes + " bytes (expected: at most 8)");
    }
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (in.get() & 0xFFL) << (8 * i);
    }
    return bytes == 0 || bytes == 8 ? value : value << (64 - 8 * bytes) >> (64 - 8 * bytes);
  }

  private String text(int bytes) {
    if (bytes < 0 || bytes > MAX_TEXT) {
      throw file.broken("pickle string: " + bytes + " bytes (expected: at most " + MAX_TEXT + ")");
    }
    byte[] text = new byte[Math.min(bytes, in.remaining())];
    in.get(text);
    if (text.length < bytes) {
      throw file.broken("pickle string: ends after " + text.length + " of " + bytes + " bytes");
    }
    return new String(text, StandardCharsets.UTF_8);
  }

  private String line() {
    StringBuilder line = new StringBuilder();
    byte next = in.get();
    while (next != '\n') {
      if (line.length() == 256) {
        throw file.broken("pickle global: longer than 256 bytes");
      }
      line.append((char) (next & 0xFF));
      next = in.get();
    }
    return line.toString();
  }

  private Object pop() {
    Object top = stack.removeLast();
    if (top == MARK) {
      throw file.broken("pickle: a mark where a value was expected");
    }
    return top;
  }

  private List<Object> tuple(int size) {
    List<Object> values = new ArrayList<>(size);
    for (int i = 0; i < size; i++) {
      values.addFirst(pop());
    }
    return Collections.unmodifiableList(values);
  }

  private List<Object> popToMark() {
    int mark = stack.size() - 1;
    while (mark >= 0 && stack.get(mark) != MARK) {
      mark--;
    }
    if (mark < 0) {
      throw file.broken("pickle: no mark on the stack");
    }
    List<Object> above = stack.subList(mark + 1, stack.size());
    List<Object> values = new ArrayList<>(above);
    above.clear();
    stack.removeLast();
    return values;
  }

  private void memoize(int key) {
    if (memo.size() >= MAX_MEMO) {
      throw file.broken("pickle memo: more than " + MAX_MEMO + " values");
    }
    memo.put(key, stack.getLast());
  }

  private void recall(int key) {
    Object value = memo.get(key);
    if (value == null || value == MARK) {
      throw file.broken("pickle memo: no value " + key);
    }
    stack.add(value);
  }

  private Global global(String name) {
    boolean known =
        switch (name) {
          case "collections.OrderedDict",
              "torch._utils._rebuild_tensor_v2",
              "torch._utils._rebuild_parameter" ->
              true;
          default -> StorageType.isStorage(name);
        };
    if (!known) {
      throw file.broken(
          "pickle global "
              + name
              + " is refused (expected: only what tensors need; nothing is executed)");
    }
    return new Global(name);
  }

  private void stackGlobal() {
    List<Object> parts = tuple(2);
    if (!(parts.get(0) instanceof String module) || !(parts.get(1) instanceof String attribute)) {
      throw file.broken("pickle global: not named by strings");
    }
    stack.add(global(module + "." + attribute));
  }

  private StorageRef storage(Object id) {
    if (id instanceof List<?> parts
        && parts.size() == 5
        && "storage".equals(parts.get(0))
        && parts.get(1) instanceof Global type
        && StorageType.isStorage(type.name())
        && parts.get(2) instanceof String key
        && parts.get(4) instanceof Long elements) {
      return new StorageRef(type.name(), key, elements);
    }
    throw file.broken("pickle persistent id (expected: storage, type, key, location, elements)");
  }

  private void reduce() {
    Object arguments = pop();
    Object callee = pop();
    if (!(callee instanceof Global global) || !(arguments instanceof List<?> values)) {
      throw file.broken("pickle REDUCE of something that is no known global");
    }
    stack.add(
        switch (global.name()) {
          case "collections.OrderedDict" -> orderedDict(values);
          case "torch._utils._rebuild_tensor_v2" -> tensor(values);
          case "torch._utils._rebuild_parameter" -> parameter(values);
          default -> throw file.broken("pickle REDUCE of " + global.name() + " is refused");
        });
  }

  private Map<Object, Object> orderedDict(List<?> arguments) {
    if (!arguments.isEmpty()) {
      throw file.broken("pickle OrderedDict with arguments (expected: none)");
    }
    return new LinkedHashMap<>();
  }

  private TensorRef tensor(List<?> arguments) {
    if (arguments.size() >= 6
        && arguments.get(0) instanceof StorageRef storage
        && arguments.get(1) instanceof Long offset
        && arguments.get(2) instanceof List<?> shape
        && arguments.get(3) instanceof List<?> strides
        && shape.size() == strides.size()
        && shape.size() <= Tensors.MAX_RANK) {
      return new TensorRef(storage, offset, longs(shape), longs(strides));
    }
    throw file.broken("pickle tensor (expected: storage, offset, shape, strides)");
  }

  private TensorRef parameter(List<?> arguments) {
    if (!arguments.isEmpty() && arguments.getFirst() instanceof TensorRef tensor) {
      return tensor;
    }
    throw file.broken("pickle parameter (expected: a tensor)");
  }

  private List<Long> longs(List<?> values) {
    List<Long> result = new ArrayList<>(values.size());
    for (Object element : values) {
      if (!(element instanceof Long value)) {
        throw file.broken("pickle tensor: shape or stride is no whole number");
      }
      result.add(value);
    }
    return result;
  }

  /// Attributes of a dictionary, such as `_metadata`, are dropped; nothing else may be built.
  private void build() {
    pop();
    map(stack.getLast(), "the object of BUILD");
  }

  @SuppressWarnings("unchecked")
  private Map<Object, Object> map(Object value, String what) {
    if (value instanceof LinkedHashMap<?, ?> map) {
      return (Map<Object, Object>) map;
    }
    throw file.broken("pickle: " + what + " is no dictionary");
  }

  private void setItems(List<Object> items) {
    Map<Object, Object> map = map(stack.getLast(), "the target of SETITEMS");
    if (items.size() % 2 != 0) {
      throw file.broken("pickle: a key without a value");
    }
    for (int i = 0; i < items.size(); i += 2) {
      if (!(items.get(i) instanceof String) && !(items.get(i) instanceof Long)) {
        throw file.broken("pickle: a key that is neither text nor number");
      }
      map.put(items.get(i), items.get(i + 1));
    }
  }

  @SuppressWarnings("unchecked")
  private void append(List<Object> items) {
    if (!(stack.getLast() instanceof ArrayList<?> list)) {
      throw file.broken("pickle: APPEND to something that is no list");
    }
    ((List<Object>) list).addAll(items);
  }
}
