package dev.krait.cuda.driver;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import jcuda.CudaException;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/// A kernel with room for its parameters. Use: [#params], its fields in order, [#launch].
public final class Kernel {
  private final CudaDevice device;
  private final String name;
  private final Function function;
  private final MemorySegment handle;
  private final int paramBytes;
  private final KernelParams params;

  /// A function that gives away its number, which JCuda keeps to itself.
  static final class Function extends CUfunction {
    MemorySegment handle() {
      return MemorySegment.ofAddress(getNativePointer());
    }
  }

  Kernel(CudaDevice device, String name, Function function, int paramBytes) {
    this.device = device;
    this.name = name;
    this.function = function;
    this.paramBytes = paramBytes;
    handle = function.handle();
    params = new KernelParams(device.arena());
  }

  /// The name of its entry point.
  public String name() {
    return name;
  }

  /// Lets blocks take more shared memory than 48 KiB.
  public void allowSharedBytes(int bytes) {
    device.makeCurrent();
    try {
      JCudaDriver.cuFuncSetAttribute(
          function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
    } catch (CudaException refused) {
      throw failure(bytes + " bytes of shared memory: " + refused.getMessage());
    }
  }

  /// The parameters, to be written anew.
  public KernelParams params() {
    params.begin();
    return params;
  }

  /// Launches `[x, y, z]` blocks.
  ///
  /// @param threads threads of a block
  /// @param sharedBytes dynamic shared memory of a block
  /// @throws EngineException INTERNAL when the parameters are not what the kernel was compiled for
  ///   or the driver refuses
  public void launch(int x, int y, int z, int threads, int sharedBytes) {
    if (params.size() != paramBytes) {
      throw failure(params.size() + " bytes of parameters (expected: " + paramBytes + ")");
    }
    device.makeCurrent();
    int result = device.launches().run(handle, params.arguments(), x, y, z, threads, sharedBytes);
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(
          "grid [%d, %d, %d], block %d, shared %d: %s"
              .formatted(x, y, z, threads, sharedBytes, CUresult.stringFor(result)));
    }
  }

  private EngineException failure(String what) {
    return new EngineException(ErrorCode.INTERNAL, "kernel " + name + ": " + what);
  }
}
