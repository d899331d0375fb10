package dev.krait.checkpoint;

import dev.krait.tensor.DType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What the pickle of a state dict is made of. Values may contain each other in cycles, so nothing
/// may walk them, compare them or print them.
sealed interface PickleValue {

  /// A string.
  record Text(String value) implements PickleValue {}

  /// An integer.
  record Int(long value) implements PickleValue {}

  /// True, false or None.
  enum Constant implements PickleValue {
    TRUE,
    FALSE,
    NONE
  }

  /// A tuple.
  record Tuple(List<PickleValue> items) implements PickleValue {}

  /// A dictionary with string keys.
  ///
  /// @param items its entries; grows while the pickle is read
  /// @param ordered true for collections.OrderedDict
  record Dict(Map<String, PickleValue> items, boolean ordered) implements PickleValue {
    static Dict empty(boolean ordered) {
      return new Dict(new LinkedHashMap<>(), ordered);
    }
  }

  /// A storage, which the archive holds as an entry of its own.
  ///
  /// @param dtype type of its elements
  /// @param key name of the entry under `data/`
  /// @param elements number of elements
  record Storage(DType dtype, String key, long elements) implements PickleValue {}

  /// A tensor over a storage, as described; nothing is checked yet.
  ///
  /// @param storage its elements
  /// @param offset first element
  /// @param dims dimensions
  /// @param strides elements from one index to the next, for each dimension
  record StoredTensor(Storage storage, long offset, List<Long> dims, List<Long> strides)
      implements PickleValue {}

  /// The names of modules that a state dict of tensors needs; no others exist.
  enum Global implements PickleValue {
    ORDERED_DICT("collections.OrderedDict"),
    REBUILD_TENSOR("torch._utils._rebuild_tensor_v2"),
    REBUILD_PARAMETER("torch._utils._rebuild_parameter"),
    DOUBLE_STORAGE("torch.DoubleStorage", DType.F64),
    FLOAT_STORAGE("torch.FloatStorage", DType.F32),
    HALF_STORAGE("torch.HalfStorage", DType.F16),
    BFLOAT16_STORAGE("torch.BFloat16Storage", DType.BF16),
    LONG_STORAGE("torch.LongStorage", DType.I64),
    INT_STORAGE("torch.IntStorage", DType.I32),
    SHORT_STORAGE("torch.ShortStorage", DType.I16),
    CHAR_STORAGE("torch.CharStorage", DType.I8),
    BYTE_STORAGE("torch.ByteStorage", DType.U8),
    BOOL_STORAGE("torch.BoolStorage", DType.BOOL);

    private static final Map<String, Global> BY_NAME = byName();

    private final String qualifiedName;
    private final Optional<DType> dtype;

    Global(String qualifiedName) {
      this.qualifiedName = qualifiedName;
      this.dtype = Optional.empty();
    }

    Global(String qualifiedName, DType dtype) {
      this.qualifiedName = qualifiedName;
      this.dtype = Optional.of(dtype);
    }

    /// The element type of a storage class.
    Optional<DType> dtype() {
      return dtype;
    }

    static Optional<Global> of(String qualifiedName) {
      return Optional.ofNullable(BY_NAME.get(qualifiedName));
    }

    private static Map<String, Global> byName() {
      Map<String, Global> table = new LinkedHashMap<>();
      for (Global global : values()) {
        table.put(global.qualifiedName, global);
      }
      return Map.copyOf(table);
    }
  }

  /// What it is, for messages.
  default String kind() {
    return switch (this) {
      case Text _ -> "a string";
      case Int _ -> "an integer";
      case Constant constant -> constant.name();
      case Tuple tuple -> "a tuple of " + tuple.items().size();
      case Dict dict -> "a dictionary of " + dict.items().size();
      case Storage _ -> "a storage";
      case StoredTensor _ -> "a tensor";
      case Global global -> global.qualifiedName;
    };
  }
}
