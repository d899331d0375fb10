package dev.krait.cuda.driver;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntSupplier;
import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/// One GPU: its context, one stream on which everything runs in order, and the memory that was
/// taken from it. Any thread may call, one at a time.
public final class CudaDevice implements AutoCloseable {
  static final String LIBRARY = "libcuda.so.1";
  private static final int NAME_BYTES = 256;

  /// Least compute capability whose kernels may be resident before the one before has ended.
  private static final int OVERLAPS_FROM = 90;

  private final CUdevice device;
  private final CUcontext context;
  private final Stream stream;
  private final Arena arena = Arena.ofShared();
  private final ExtendedLaunch launches;
  private final String name;
  private final int capability;
  private final int multiprocessors;
  private final List<CUdeviceptr> memory = new ArrayList<>();
  private final List<Pointer> pinned = new ArrayList<>();
  private final List<CUevent> events = new ArrayList<>();
  private final IntSupplier setCurrent = this::setCurrent;

  /// A stream that gives away its number, which JCuda keeps to itself.
  private static final class Stream extends CUstream {
    long handle() {
      return getNativePointer();
    }
  }

  private CudaDevice(CUdevice device) {
    this.device = device;
    context = new CUcontext();
    check("cuDevicePrimaryCtxRetain", () -> JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    stream = new Stream();
    makeCurrent();
    check(
        "cuStreamCreate",
        () -> JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    byte[] text = new byte[NAME_BYTES];
    check("cuDeviceGetName", () -> JCudaDriver.cuDeviceGetName(text, text.length, device));
    name = new String(text, StandardCharsets.UTF_8).trim();
    capability = capability(device);
    multiprocessors =
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    launches = new ExtendedLaunch(stream.handle(), capability >= OVERLAPS_FROM, arena);
  }

  /// Why this machine has no GPU that the driver can use; empty when it has one.
  @SuppressWarnings("restricted") // Looking for the library is the question.
  public static Optional<String> unavailable() {
    try (Arena arena = Arena.ofConfined()) {
      SymbolLookup.libraryLookup(LIBRARY, arena);
    } catch (IllegalArgumentException missing) {
      return Optional.of("no CUDA driver (expected: " + LIBRARY + ")");
    }
    try {
      return count() > 0 ? Optional.empty() : Optional.of("the CUDA driver sees no device");
    } catch (EngineException failure) {
      return Optional.of(String.valueOf(failure.getMessage()));
    }
  }

  /// The first device's compute capability, such as 90, without opening it.
  public static int firstCapability() {
    return capability(device(0));
  }

  private static int count() {
    DriverLibrary.load();
    int[] count = new int[1];
    check("cuInit", () -> JCudaDriver.cuInit(0));
    check("cuDeviceGetCount", () -> JCudaDriver.cuDeviceGetCount(count));
    return count[0];
  }

  private static CUdevice device(int ordinal) {
    count();
    CUdevice device = new CUdevice();
    check("cuDeviceGet " + ordinal, () -> JCudaDriver.cuDeviceGet(device, ordinal));
    return device;
  }

  /// Opens a device.
  ///
  /// @param ordinal which, from 0, as CUDA_VISIBLE_DEVICES numbers them
  public static CudaDevice open(int ordinal) {
    return new CudaDevice(device(ordinal));
  }

  private static int capability(CUdevice device) {
    int major = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    int minor = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    return 10 * major + minor;
  }

  private static int attribute(CUdevice device, int which) {
    int[] value = new int[1];
    check("cuDeviceGetAttribute", () -> JCudaDriver.cuDeviceGetAttribute(value, which, device));
    return value[0];
  }

  /// Runs a driver call.
  ///
  /// @throws EngineException INTERNAL with the driver's own words; RESOURCE_EXHAUSTED when memory
  ///   is full
  private static void check(String what, IntSupplier call) {
    try {
      var _ = call.getAsInt();
    } catch (CudaException failure) {
      throw failed(what, failure);
    }
  }

  private static EngineException failed(String what, CudaException failure) {
    String text = String.valueOf(failure.getMessage());
    boolean full = text.contains(CUresult.stringFor(CUresult.CUDA_ERROR_OUT_OF_MEMORY));
    return new EngineException(
        full ? ErrorCode.RESOURCE_EXHAUSTED : ErrorCode.INTERNAL,
        "cuda: " + what + ": " + text,
        failure);
  }

  /// Makes this device the one that driver calls of the calling thread mean. Always asks the
  /// driver: in between the thread may have called for another device.
  void makeCurrent() {
    check("cuCtxSetCurrent", setCurrent);
  }

  private int setCurrent() {
    return JCudaDriver.cuCtxSetCurrent(context);
  }

  ExtendedLaunch launches() {
    return launches;
  }

  /// Keeps native memory until the device is closed.
  Arena arena() {
    return arena;
  }

  /// Such as `NVIDIA H100 80GB HBM3`.
  public String name() {
    return name;
  }

  /// Compute capability, such as 90.
  public int capability() {
    return capability;
  }

  /// Streaming multiprocessors.
  public int multiprocessors() {
    return multiprocessors;
  }

  /// Bytes of device memory that nobody uses.
  public long freeBytes() {
    makeCurrent();
    long[] free = new long[1];
    long[] total = new long[1];
    check("cuMemGetInfo", () -> JCudaDriver.cuMemGetInfo(free, total));
    return free[0];
  }

  /// Zeroed device memory that lives as long as the device; addresses are multiples of 256.
  ///
  /// @return its address
  /// @throws EngineException RESOURCE_EXHAUSTED when there is no room
  public long allocate(long bytes) {
    makeCurrent();
    CUdeviceptr pointer = new CUdeviceptr();
    long size = Math.ceilDiv(Math.max(bytes, 1), 4L) * 4;
    check("cuMemAlloc of " + size + " bytes", () -> JCudaDriver.cuMemAlloc(pointer, size));
    memory.add(pointer);
    check("cuMemsetD32", () -> JCudaDriver.cuMemsetD32Async(pointer, 0, size / 4, stream));
    return DeviceAddress.of(pointer);
  }

  /// Gives back what [#allocate] gave, once everything that was launched has run.
  public void free(long address) {
    synchronize();
    memory.removeIf(pointer -> DeviceAddress.of(pointer) == address);
    check("cuMemFree", () -> JCudaDriver.cuMemFree(DeviceAddress.pointer(address)));
  }

  /// Pinned host memory that lives as long as the device.
  public ByteBuffer allocatePinned(int bytes) {
    makeCurrent();
    Pointer pointer = new Pointer();
    check("cuMemAllocHost", () -> JCudaDriver.cuMemAllocHost(pointer, bytes));
    pinned.add(pointer);
    return pointer.getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
  }

  /// Copies pinned memory to the device before everything that is launched later; it must stay as
  /// it is until that has been done.
  ///
  /// @param source from its start on
  public void writeLater(long address, ByteBuffer source, long bytes) {
    if (bytes == 0) {
      return;
    }
    makeCurrent();
    CUdeviceptr target = DeviceAddress.pointer(address);
    Pointer from = Pointer.to(source);
    check("cuMemcpyHtoDAsync", () -> JCudaDriver.cuMemcpyHtoDAsync(target, from, bytes, stream));
  }

  /// Copies the first `width` bytes of each of so many rows of pinned memory, `stride` bytes apart
  /// on both sides, as [#writeLater] does.
  public void writeRowsLater(long address, ByteBuffer source, int width, long stride, int rows) {
    if (width == 0 || rows == 0) {
      return;
    }
    makeCurrent();
    CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
    copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
    copy.srcHost = Pointer.to(source);
    copy.srcPitch = stride;
    copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = DeviceAddress.pointer(address);
    copy.dstPitch = stride;
    copy.WidthInBytes = width;
    copy.Height = rows;
    check("cuMemcpy2DAsync", () -> JCudaDriver.cuMemcpy2DAsync(copy, stream));
  }

  /// Copies an array to the device and waits for it.
  public void write(long address, float[] source) {
    makeCurrent();
    CUdeviceptr target = DeviceAddress.pointer(address);
    Pointer from = Pointer.to(source);
    long bytes = 4L * source.length;
    check("cuMemcpyHtoDAsync", () -> JCudaDriver.cuMemcpyHtoDAsync(target, from, bytes, stream));
    synchronize();
  }

  /// Copies within the device's memory, after everything that was launched before; does not wait.
  public void copy(long source, long target, long bytes) {
    makeCurrent();
    CUdeviceptr from = DeviceAddress.pointer(source);
    CUdeviceptr to = DeviceAddress.pointer(target);
    check("cuMemcpyDtoDAsync", () -> JCudaDriver.cuMemcpyDtoDAsync(to, from, bytes, stream));
  }

  /// Copies from the device to an array, after everything that was launched before.
  public void read(float[] target, long address) {
    makeCurrent();
    CUdeviceptr source = DeviceAddress.pointer(address);
    check(
        "cuMemcpyDtoHAsync",
        () ->
            JCudaDriver.cuMemcpyDtoHAsync(Pointer.to(target), source, 4L * target.length, stream));
    synchronize();
  }

  /// Copies from the device to the start of pinned memory, after everything that was launched
  /// before; does not wait.
  public void readLater(ByteBuffer target, long address, long bytes) {
    if (bytes == 0) {
      return;
    }
    makeCurrent();
    CUdeviceptr source = DeviceAddress.pointer(address);
    Pointer to = Pointer.to(target);
    check("cuMemcpyDtoHAsync", () -> JCudaDriver.cuMemcpyDtoHAsync(to, source, bytes, stream));
  }

  /// Waits until everything that was launched has run.
  public void synchronize() {
    makeCurrent();
    check("cuStreamSynchronize", () -> JCudaDriver.cuStreamSynchronize(stream));
  }

  /// A mark in the order of what is launched; it lives as long as the device.
  public Event newEvent() {
    makeCurrent();
    CUevent event = new CUevent();
    check(
        "cuEventCreate",
        () -> JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING));
    events.add(event);
    return new Event(event);
  }

  /// A mark that the host can wait for.
  public final class Event {
    private final CUevent event;

    private Event(CUevent event) {
      this.event = event;
    }

    /// Marks everything that was launched before.
    public void record() {
      makeCurrent();
      check("cuEventRecord", () -> JCudaDriver.cuEventRecord(event, stream));
    }

    /// Waits until everything before the last [#record] has run.
    public void await() {
      makeCurrent();
      check("cuEventSynchronize", () -> JCudaDriver.cuEventSynchronize(event));
    }
  }

  /// Records what `body` launches instead of running it.
  public Graph capture(Runnable body) {
    makeCurrent();
    CUgraph graph = new CUgraph();
    check(
        "cuStreamBeginCapture",
        () ->
            JCudaDriver.cuStreamBeginCapture(
                stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    try {
      body.run();
    } finally {
      check("cuStreamEndCapture", () -> JCudaDriver.cuStreamEndCapture(stream, graph));
    }
    CUgraphExec executable = new CUgraphExec();
    check("cuGraphInstantiate", () -> JCudaDriver.cuGraphInstantiate(executable, graph, 0));
    check("cuGraphDestroy", () -> JCudaDriver.cuGraphDestroy(graph));
    return new Graph(executable);
  }

  /// Launches that were recorded once and run as one.
  public final class Graph implements AutoCloseable {
    private final CUgraphExec executable;

    private Graph(CUgraphExec executable) {
      this.executable = executable;
    }

    /// Runs it after everything that was launched before.
    public void launch() {
      makeCurrent();
      try {
        JCudaDriver.cuGraphLaunch(executable, stream);
      } catch (CudaException failure) {
        throw failed("cuGraphLaunch", failure);
      }
    }

    @Override
    public void close() {
      makeCurrent();
      check("cuGraphExecDestroy", () -> JCudaDriver.cuGraphExecDestroy(executable));
    }
  }

  @Override
  public void close() {
    makeCurrent();
    for (Pointer host : pinned) {
      check("cuMemFreeHost", () -> JCudaDriver.cuMemFreeHost(host));
    }
    for (CUevent event : events) {
      check("cuEventDestroy", () -> JCudaDriver.cuEventDestroy(event));
    }
    for (CUdeviceptr pointer : memory) {
      check("cuMemFree", () -> JCudaDriver.cuMemFree(pointer));
    }
    check("cuStreamDestroy", () -> JCudaDriver.cuStreamDestroy(stream));
    arena.close();
    check("cuDevicePrimaryCtxRelease", () -> JCudaDriver.cuDevicePrimaryCtxRelease(device));
  }
}
