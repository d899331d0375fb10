package dev.krait.cuda.driver;

import jcuda.driver.CUdeviceptr;

/// Device pointers as numbers and back: JCuda keeps the number to itself.
final class DeviceAddress {
  private DeviceAddress() {}

  /// The number of a pointer.
  static long of(CUdeviceptr pointer) {
    return new Reader(pointer).address();
  }

  /// A pointer of a number.
  static CUdeviceptr pointer(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }

  /// A copy of a pointer that gives away its number.
  private static final class Reader extends CUdeviceptr {
    Reader(CUdeviceptr pointer) {
      super(pointer);
    }

    long address() {
      return getNativePointer() + getByteOffset();
    }
  }
}
