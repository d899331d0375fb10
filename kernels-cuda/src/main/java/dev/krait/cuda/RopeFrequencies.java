package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import dev.krait.model.Rope;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;

/// The frequencies of rotary embeddings as fp64 in device memory, computed once for each.
final class RopeFrequencies {
  private final CudaDevice device;
  private final Map<Rope, Long> addresses = new HashMap<>();

  RopeFrequencies(CudaDevice device) {
    this.device = device;
  }

  /// Address of `[pairs]` frequencies.
  long address(Rope rope) {
    Long known = addresses.get(rope);
    if (known != null) {
      return known;
    }
    int pairs = rope.pairs();
    ByteBuffer host = device.allocatePinned(Double.BYTES * pairs);
    for (int i = 0; i < pairs; i++) {
      host.putDouble(Double.BYTES * i, rope.frequency(i));
    }
    long address = device.allocate(host.capacity());
    device.writeLater(address, host, host.capacity());
    addresses.put(rope, address);
    return address;
  }
}
