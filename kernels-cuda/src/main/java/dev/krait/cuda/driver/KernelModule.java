package dev.krait.cuda.driver;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.OptionalInt;
import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/// A compiled source file of kernels. It lives as long as the process's use of the device.
public final class KernelModule {
  private final CudaDevice device;
  private final String name;
  private final CUmodule module = new CUmodule();

  private KernelModule(CudaDevice device, String name) {
    this.device = device;
    this.name = name;
  }

  /// Loads the code for the device from the class path.
  ///
  /// @param name the source file's name without ending
  /// @throws EngineException INTERNAL when it is missing or the driver refuses it
  public static KernelModule load(CudaDevice device, String name) {
    String resource = resource(device.capability(), name);
    KernelModule loaded = new KernelModule(device, name);
    device.makeCurrent();
    try (InputStream in = KernelModule.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw failure(name, "no " + resource + " in this build (expected: compiled kernels)");
      }
      JCudaDriver.cuModuleLoadData(loaded.module, in.readAllBytes());
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    } catch (CudaException refused) {
      throw failure(name, String.valueOf(refused.getMessage()));
    }
    return loaded;
  }

  /// True when this build has code for devices of a compute capability.
  public static boolean isCompiledFor(int capability) {
    return binary(capability).isPresent()
        && KernelModule.class.getResource(resource(capability, "rows")) != null;
  }

  private static String resource(int capability, String name) {
    int binary = binary(capability).orElse(capability);
    return "/dev/krait/cuda/sm_" + binary + (binary == 90 ? "a" : "") + "/" + name + ".cubin";
  }

  /// The code that runs on a capability: of the same major version and not above its minor one.
  private static OptionalInt binary(int capability) {
    return switch (capability) {
      case 80 -> OptionalInt.of(80);
      case 86, 87, 89 -> OptionalInt.of(86);
      case 90 -> OptionalInt.of(90);
      default -> OptionalInt.empty();
    };
  }

  private static EngineException failure(String name, String why) {
    return new EngineException(ErrorCode.INTERNAL, "kernels " + name + ": " + why);
  }

  /// A kernel of this file.
  public Kernel kernel(String entry) {
    Kernel.Function function = new Kernel.Function();
    try {
      JCudaDriver.cuModuleGetFunction(function, module, entry);
    } catch (CudaException missing) {
      throw failure(name, entry + ": " + missing.getMessage());
    }
    return new Kernel(device, entry, function, constant(entry + "_params"));
  }

  /// Refuses a file whose layout of memory is not what the Java side fills.
  ///
  /// @param symbol a constant that the file exports
  public void require(String symbol, int expected) {
    int value = constant(symbol);
    if (value != expected) {
      throw failure(name, symbol + ": " + value + " (expected: " + expected + ")");
    }
  }

  /// An unsigned constant that the file exports.
  public int constant(String symbol) {
    CUdeviceptr address = new CUdeviceptr();
    int[] value = new int[1];
    try {
      JCudaDriver.cuModuleGetGlobal(address, new long[1], module, symbol);
      JCudaDriver.cuMemcpyDtoH(Pointer.to(value), address, Integer.BYTES);
    } catch (CudaException missing) {
      throw failure(name, symbol + ": " + missing.getMessage());
    }
    return value[0];
  }
}
