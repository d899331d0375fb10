package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;

/// Integers at a fixed device address and a pinned copy on the host; one side writes them anew for
/// every step. Whoever writes on one side sees to it that the last copy from there has ended.
final class DeviceInts {
  private final CudaDevice device;
  private final ByteBuffer bytes;
  private final IntBuffer host;
  private final long address;

  DeviceInts(CudaDevice device, int capacity) {
    this(device, capacity, device.allocate(Integer.BYTES * (long) Math.max(1, capacity)));
  }

  private DeviceInts(CudaDevice device, int capacity, long address) {
    this.device = device;
    bytes = device.allocatePinned(Integer.BYTES * Math.max(1, capacity));
    host = bytes.asIntBuffer();
    this.address = address;
  }

  /// The same device memory with a copy of its own on the host.
  DeviceInts twin() {
    return new DeviceInts(device, host.capacity(), address);
  }

  /// Where the device sees them, from one of them on.
  long address(int first) {
    return address + (long) Integer.BYTES * first;
  }

  /// The host's copy.
  IntBuffer host() {
    return host;
  }

  /// Copies the first `count` to the device, before everything that is launched later.
  void upload(int count) {
    device.writeLater(address, bytes, (long) Integer.BYTES * count);
  }

  /// Copies the first `count` of each of so many rows, `stride` apart from `first` on, to the
  /// device, before everything that is launched later.
  void uploadRows(int first, int count, int stride, int rows) {
    int from = Integer.BYTES * first;
    device.writeRowsLater(
        address(first),
        bytes.slice(from, bytes.capacity() - from),
        Integer.BYTES * count,
        (long) Integer.BYTES * stride,
        rows);
  }

  /// Copies the first `count` to the host, after everything that was launched before.
  void download(int count) {
    device.readLater(bytes, address, (long) Integer.BYTES * count);
  }
}
