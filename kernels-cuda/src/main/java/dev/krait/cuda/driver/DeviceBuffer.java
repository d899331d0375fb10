package dev.krait.cuda.driver;

import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import java.util.Objects;

/// Zeroed floats in device memory.
public final class DeviceBuffer implements Buffer {
  private final CudaDevice device;
  private final long address;
  private final long elements;

  private DeviceBuffer(CudaDevice device, long address, long elements) {
    this.device = device;
    this.address = address;
    this.elements = elements;
  }

  /// Takes memory of a device, which frees it when it is closed.
  public static DeviceBuffer allocate(CudaDevice device, long elements) {
    return new DeviceBuffer(device, device.allocate(Math.multiplyExact(elements, 4L)), elements);
  }

  /// Address of the first float.
  public long address() {
    return address;
  }

  @Override
  public DType dtype() {
    return DType.F32;
  }

  @Override
  public long elements() {
    return elements;
  }

  @Override
  public void read(long offset, float[] target) {
    checkRange(offset, target.length);
    device.read(target, address + 4 * offset);
  }

  @Override
  public void write(long offset, float[] source) {
    checkRange(offset, source.length);
    device.write(address + 4 * offset, source);
  }

  @Override
  public void copy(long from, long to, long count) {
    checkRange(from, count);
    checkRange(to, count);
    device.copy(address + 4 * from, address + 4 * to, 4 * count);
  }

  private void checkRange(long offset, long length) {
    Objects.checkFromIndexSize(offset, length, elements);
  }
}
