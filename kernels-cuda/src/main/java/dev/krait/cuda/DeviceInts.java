package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;

/// Integers at a fixed device address and their pinned copy on the host; one side writes them anew
/// for every step.
final class DeviceInts {
  private final CudaDevice device;
  private final ByteBuffer bytes;
  private final IntBuffer host;
  private final long address;
  private long uploadedAfter = -1;

  DeviceInts(CudaDevice device, int capacity) {
    this.device = device;
    bytes = device.allocatePinned(Integer.BYTES * Math.max(1, capacity));
    host = bytes.asIntBuffer();
    address = device.allocate(bytes.capacity());
  }

  /// Where the device sees them.
  long address() {
    return address;
  }

  int capacity() {
    return host.capacity();
  }

  /// Host memory that may be written now: an earlier copy has ended.
  IntBuffer begin() {
    if (device.synchronizations() == uploadedAfter) {
      device.synchronize();
    }
    return host;
  }

  /// The first `count` as they are after everything that was launched before.
  IntBuffer download(int count) {
    device.readPinned(bytes, address, (long) Integer.BYTES * count);
    return host;
  }

  /// Copies the first `count`, before everything that is launched later.
  void upload(int count) {
    device.writeLater(address, bytes, (long) Integer.BYTES * count);
    uploadedAfter = device.synchronizations();
  }
}
