package dev.krait.cuda.driver;

import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import java.util.Objects;

/// Zeroed fp32 or bf16 numbers in device memory.
public final class DeviceBuffer implements Buffer {
  private final CudaDevice device;
  private final DType dtype;
  private final long address;
  private final long elements;

  private DeviceBuffer(CudaDevice device, DType dtype, long address, long elements) {
    this.device = device;
    this.dtype = dtype;
    this.address = address;
    this.elements = elements;
  }

  /// Takes memory for floats of a device, which frees it when it is closed.
  public static DeviceBuffer allocate(CudaDevice device, long elements) {
    return allocate(device, DType.F32, elements);
  }

  /// Takes memory of a device, which frees it when it is closed.
  ///
  /// @param dtype F32 or BF16
  public static DeviceBuffer allocate(CudaDevice device, DType dtype, long elements) {
    if (dtype != DType.F32 && dtype != DType.BF16) {
      throw new IllegalArgumentException("buffer: " + dtype + " (expected: F32 or BF16)");
    }
    long bytes = Math.multiplyExact(elements, (long) dtype.bytes());
    return new DeviceBuffer(device, dtype, device.allocate(bytes), elements);
  }

  /// Address of the first element.
  public long address() {
    return address;
  }

  @Override
  public DType dtype() {
    return dtype;
  }

  @Override
  public long elements() {
    return elements;
  }

  private long addressOf(long offset) {
    return address + dtype.bytes() * offset;
  }

  @Override
  public void read(long offset, float[] target) {
    checkRange(offset, target.length);
    if (dtype == DType.F32) {
      device.read(target, addressOf(offset));
      return;
    }
    // Pairs of bf16 as the bits of floats.
    float[] pairs = new float[Math.ceilDiv(target.length, 2)];
    device.read(pairs, addressOf(offset));
    for (int i = 0; i < target.length; i++) {
      int bits = Float.floatToRawIntBits(pairs[i / 2]);
      target[i] = Float.intBitsToFloat(i % 2 == 0 ? bits << 16 : bits & 0xFFFF0000);
    }
  }

  @Override
  public void write(long offset, float[] source) {
    checkRange(offset, source.length);
    if (dtype != DType.F32) {
      throw new IllegalStateException("buffer: the host writes " + dtype + " (expected: F32)");
    }
    device.write(addressOf(offset), source);
  }

  @Override
  public void readWords(long offset, float[] target) {
    checkRange(offset, (long) target.length * Float.BYTES / dtype.bytes());
    device.read(target, addressOf(offset));
  }

  @Override
  public void writeWords(long offset, float[] source) {
    checkRange(offset, (long) source.length * Float.BYTES / dtype.bytes());
    device.write(addressOf(offset), source);
  }

  @Override
  public void copy(long from, long to, long count) {
    checkRange(from, count);
    checkRange(to, count);
    device.copy(addressOf(from), addressOf(to), dtype.bytes() * count);
  }

  private void checkRange(long offset, long length) {
    Objects.checkFromIndexSize(offset, length, elements);
  }
}
