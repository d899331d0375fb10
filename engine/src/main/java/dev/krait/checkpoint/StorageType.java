package dev.krait.checkpoint;

import dev.krait.tensor.DType;
import java.util.Map;

/// Element types of torch's storage classes.
final class StorageType {
  private static final Map<String, DType> TYPES =
      Map.of(
          "torch.FloatStorage", DType.F32,
          "torch.HalfStorage", DType.F16,
          "torch.BFloat16Storage", DType.BF16,
          "torch.DoubleStorage", DType.F64,
          "torch.LongStorage", DType.I64,
          "torch.IntStorage", DType.I32,
          "torch.ShortStorage", DType.I16,
          "torch.CharStorage", DType.I8,
          "torch.ByteStorage", DType.U8,
          "torch.BoolStorage", DType.BOOL);

  private StorageType() {}

  static boolean isStorage(String name) {
    return TYPES.containsKey(name);
  }

  static DType of(String name) {
    DType type = TYPES.get(name);
    if (type == null) {
      throw new IllegalArgumentException(
          "storage: " + name + " (expected: " + TYPES.keySet() + ")");
    }
    return type;
  }
}
