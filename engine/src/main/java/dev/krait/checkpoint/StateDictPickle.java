package dev.krait.checkpoint;

import dev.krait.checkpoint.PickleValue.Constant;
import dev.krait.checkpoint.PickleValue.Dict;
import dev.krait.checkpoint.PickleValue.Global;
import dev.krait.checkpoint.PickleValue.Int;
import dev.krait.checkpoint.PickleValue.Storage;
import dev.krait.checkpoint.PickleValue.StoredTensor;
import dev.krait.checkpoint.PickleValue.Text;
import dev.krait.checkpoint.PickleValue.Tuple;
import dev.krait.error.EngineException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// Reads the pickle of a state dict of tensors and nothing else.
///
/// A stack machine that knows the opcodes which pickle protocol 2 uses for such a value. A global
/// is a constant of [Global], never a class; a call is one of three descriptions written down
/// below. So nothing in a file can run, whatever the file says. Opcodes, stack and memo are
/// limited, which bounds time and heap.
final class StateDictPickle {
  private static final int PROTOCOL = 2;
  private static final int MAX_OPCODES = 4_000_000;
  private static final int MAX_STACK = 100_000;
  private static final int MAX_MEMO = 1_000_000;

  private final PickleBytes bytes;
  private final List<PickleValue> stack = new ArrayList<>();
  private final List<Integer> marks = new ArrayList<>();
  private final List<PickleValue> memo = new ArrayList<>();

  private StateDictPickle(PickleBytes bytes) {
    this.bytes = bytes;
  }

  /// The tensors of a state dict by name, as described.
  static SortedMap<String, StoredTensor> read(Path file, MemorySegment pickle) {
    PickleBytes bytes = new PickleBytes(file, pickle);
    PickleValue root = new StateDictPickle(bytes).run();
    if (!(root instanceof Dict dict)) {
      throw bytes.invalid("content", root.kind(), "a dictionary of tensors");
    }
    SortedMap<String, StoredTensor> tensors = new TreeMap<>();
    for (Map.Entry<String, PickleValue> item : dict.items().entrySet()) {
      if (!(item.getValue() instanceof StoredTensor tensor)) {
        throw InvalidFile.of(
            file,
            "data.pkl: key " + InvalidFile.excerpt(item.getKey()),
            item.getValue().kind(),
            "a tensor");
      }
      tensors.put(item.getKey(), tensor);
    }
    return tensors;
  }

  private PickleValue run() {
    if (next() != PickleOpcode.PROTO) {
      throw bytes.invalid("first opcode", "not PROTO", "a pickle of protocol " + PROTOCOL);
    }
    int protocol = bytes.u8();
    if (protocol != PROTOCOL) {
      throw bytes.invalid("pickle protocol", protocol, PROTOCOL + ", as torch.save writes it");
    }
    for (int count = 0; count < MAX_OPCODES; count++) {
      PickleOpcode opcode = next();
      if (opcode == PickleOpcode.STOP) {
        return result();
      }
      execute(opcode);
      if (stack.size() > MAX_STACK || marks.size() > MAX_STACK || memo.size() > MAX_MEMO) {
        throw bytes.invalid(
            "stack, marks, memo",
            stack.size() + ", " + marks.size() + ", " + memo.size(),
            "at most " + MAX_STACK + ", " + MAX_STACK + ", " + MAX_MEMO);
      }
    }
    throw bytes.invalid("opcodes", "too many", "at most " + MAX_OPCODES);
  }

  private PickleOpcode next() {
    int code = bytes.u8();
    return PickleOpcode.of(code)
        .orElseThrow(
            () -> bytes.invalid("opcode", "0x" + Integer.toHexString(code), "a pickle opcode"));
  }

  private PickleValue result() {
    if (stack.size() != 1 || !marks.isEmpty() || !bytes.isAtEnd()) {
      throw bytes.invalid("STOP", stack.size() + " values left", "one value and no more bytes");
    }
    return stack.getFirst();
  }

  private void execute(PickleOpcode opcode) {
    switch (opcode) {
      case MARK -> marks.add(stack.size());
      case NONE -> stack.add(Constant.NONE);
      case NEWTRUE -> stack.add(Constant.TRUE);
      case NEWFALSE -> stack.add(Constant.FALSE);
      case BININT -> stack.add(new Int(bytes.signed(4)));
      case BININT1 -> stack.add(new Int(bytes.unsigned(1)));
      case BININT2 -> stack.add(new Int(bytes.unsigned(2)));
      case LONG1 -> stack.add(new Int(readLong()));
      case BINUNICODE -> stack.add(new Text(bytes.text(bytes.unsigned(4))));
      case EMPTY_TUPLE -> stack.add(new Tuple(List.of()));
      case TUPLE1 -> stack.add(new Tuple(popLast(1)));
      case TUPLE2 -> stack.add(new Tuple(popLast(2)));
      case TUPLE3 -> stack.add(new Tuple(popLast(3)));
      case TUPLE -> stack.add(new Tuple(popToMark()));
      case EMPTY_DICT -> stack.add(Dict.empty(false));
      case SETITEM -> putAll(popLast(2));
      case SETITEMS -> putAll(popToMark());
      case BINPUT -> memoize(bytes.unsigned(1));
      case LONG_BINPUT -> memoize(bytes.unsigned(4));
      case BINGET -> stack.add(memoized(bytes.unsigned(1)));
      case LONG_BINGET -> stack.add(memoized(bytes.unsigned(4)));
      case GLOBAL -> stack.add(global(bytes.line(), bytes.line()));
      case BINPERSID -> stack.add(storage(pop()));
      case REDUCE -> reduce();
      case BUILD -> build();
      // What is not known to be needed is refused, whatever opcodes are still to come.
      default -> throw bytes.invalid("opcode", opcode, "only those of a state dict of tensors");
    }
  }

  private long readLong() {
    int width = bytes.u8();
    if (width > Long.BYTES) {
      throw bytes.invalid("LONG1", width + " bytes", "at most " + Long.BYTES);
    }
    return bytes.signed(width);
  }

  private PickleValue pop() {
    return popLast(1).getFirst();
  }

  private List<PickleValue> popLast(int count) {
    int floor = marks.isEmpty() ? 0 : marks.getLast();
    if (stack.size() - floor < count) {
      throw bytes.invalid("stack", stack.size() - floor + " values", count + " or more");
    }
    return popFrom(stack.size() - count);
  }

  private List<PickleValue> popToMark() {
    if (marks.isEmpty()) {
      throw bytes.invalid("stack", "no mark", "a MARK before this opcode");
    }
    return popFrom(marks.removeLast());
  }

  private List<PickleValue> popFrom(int first) {
    List<PickleValue> top = stack.subList(first, stack.size());
    List<PickleValue> values = List.copyOf(top);
    top.clear();
    return values;
  }

  /// The value below, which stays on the stack.
  private PickleValue top() {
    PickleValue value = pop();
    stack.add(value);
    return value;
  }

  private void putAll(List<PickleValue> keysAndValues) {
    PickleValue target = top();
    if (!(target instanceof Dict dict) || keysAndValues.size() % 2 != 0) {
      throw bytes.invalid("items set on", target.kind(), "keys and values for a dictionary");
    }
    for (int i = 0; i < keysAndValues.size(); i += 2) {
      PickleValue key = keysAndValues.get(i);
      if (!(key instanceof Text name)) {
        throw bytes.invalid("dictionary key", key.kind(), "a string");
      }
      if (dict.items().putIfAbsent(name.value(), keysAndValues.get(i + 1)) != null) {
        throw bytes.invalid(
            "dictionary key " + InvalidFile.excerpt(name.value()), "twice", "unique names");
      }
    }
  }

  /// Picklers number the memo in order, so it needs no gaps.
  private void memoize(long index) {
    if (index > memo.size()) {
      throw bytes.invalid("memo index", index, "at most " + memo.size() + ", the next one");
    }
    if (index == memo.size()) {
      memo.add(top());
    } else {
      memo.set((int) index, top());
    }
  }

  private PickleValue memoized(long index) {
    if (index >= memo.size()) {
      throw bytes.invalid("memo index", index, "below " + memo.size());
    }
    return memo.get((int) index);
  }

  private Global global(String module, String name) {
    String qualified = module + "." + name;
    return Global.of(qualified)
        .orElseThrow(
            () -> bytes.invalid("global", qualified, "only those of a state dict of tensors"));
  }

  /// `('storage', class, key, device, elements)`; the device is of no interest.
  private Storage storage(PickleValue id) {
    if (id instanceof Tuple(var items)
        && items.size() == 5
        && items.get(0) instanceof Text(var tag)
        && tag.equals("storage")
        && items.get(1) instanceof Global type
        && type.dtype().isPresent()
        && items.get(2) instanceof Text(var key)
        && items.get(3) instanceof Text
        && items.get(4) instanceof Int(var elements)) {
      return new Storage(type.dtype().get(), key, elements);
    }
    throw bytes.invalid(
        "persistent id", id.kind(), "('storage', a storage class, key, device, elements)");
  }

  private void reduce() {
    PickleValue arguments = pop();
    PickleValue callable = pop();
    if (!(callable instanceof Global function) || !(arguments instanceof Tuple tuple)) {
      throw bytes.invalid("call of", callable.kind(), "a known global and a tuple");
    }
    List<PickleValue> items = tuple.items();
    stack.add(
        switch (function) {
          case ORDERED_DICT -> orderedDict(items);
          case REBUILD_TENSOR -> tensor(items);
          case REBUILD_PARAMETER -> parameter(items);
          default -> throw bytes.invalid("call of", callable.kind(), "a function of a state dict");
        });
  }

  private PickleValue orderedDict(List<PickleValue> arguments) {
    if (!arguments.isEmpty()) {
      throw arguments("collections.OrderedDict", arguments, "none");
    }
    return Dict.empty(true);
  }

  /// `(storage, offset, dims, strides, requires_grad, hooks)`; the last two do not matter here.
  private PickleValue tensor(List<PickleValue> arguments) {
    if (arguments.size() == 6
        && arguments.get(0) instanceof Storage storage
        && arguments.get(1) instanceof Int(var offset)
        && arguments.get(2) instanceof Tuple dims
        && arguments.get(3) instanceof Tuple strides) {
      return new StoredTensor(storage, offset, longs(dims), longs(strides));
    }
    throw arguments(
        "torch._utils._rebuild_tensor_v2",
        arguments,
        "storage, offset, dimensions, strides, requires_grad, hooks");
  }

  private List<Long> longs(Tuple tuple) {
    return tuple.items().stream()
        .map(item -> {
          if (item instanceof Int(var value)) {
            return value;
          }
          throw bytes.invalid("dimension or stride", item.kind(), "an integer");
        })
        .toList();
  }

  /// `(tensor, requires_grad, hooks)`.
  private PickleValue parameter(List<PickleValue> arguments) {
    if (arguments.size() == 3 && arguments.getFirst() instanceof StoredTensor tensor) {
      return tensor;
    }
    throw arguments("torch._utils._rebuild_parameter", arguments, "a tensor, requires_grad, hooks");
  }

  private EngineException arguments(String function, List<PickleValue> values, String expected) {
    List<String> kinds = values.stream().limit(8).map(PickleValue::kind).toList();
    return bytes.invalid("arguments of " + function, kinds, expected);
  }

  /// A module's state dict carries its versions as the attribute `_metadata`, which is dropped.
  private void build() {
    PickleValue state = pop();
    boolean known =
        top() instanceof Dict target
            && target.ordered()
            && state instanceof Dict attributes
            && attributes.items().keySet().equals(Set.of("_metadata"));
    if (!known) {
      throw bytes.invalid(
          "opcode", "BUILD on " + top().kind(), "only the _metadata of an OrderedDict");
    }
  }
}
