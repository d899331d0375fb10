import dev.krait.backend.HostBuffer;
import dev.krait.backend.cpu.CpuBackend;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.Shape;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.ToLongFunction;

/// One pass over matrices with one build; loaded by a class loader of the variant.
public final class ProductPass implements ToLongFunction<Integer>, AutoCloseable {
  private static final int MAX_TOKENS = 256;

  /// Rows, columns and number of matrices: those of krait-tiny, and two layers of Mamba 2.8B.
  private static final int[][] TINY = {
    {4096, 384, 1}, {1030, 384, 6}, {384, 384, 10}, {384, 1024, 8}, {1024, 384, 16}, {128, 384, 4}
  };

  private static final int[][] LARGE = {{10_240, 2560, 2}, {2560, 5120, 2}};

  private final ThreadMXBean clock = ManagementFactory.getThreadMXBean();
  private final CpuBackend backend;
  private final List<WeightMatrix> matrices = new ArrayList<>();
  private final Rows[] in;
  private final Rows[] out;

  public ProductPass(int threads, String set, String type) {
    backend = CpuBackend.open(threads);
    Random random = new Random(1);
    for (int[] shape : set.equals("tiny") ? TINY : LARGE) {
      for (int i = 0; i < shape[2]; i++) {
        matrices.add(backend.upload(StoredMatrix.Dense.of(List.of(tensor(shape[0], shape[1], type, random)))));
      }
    }
    in = new Rows[matrices.size()];
    out = new Rows[matrices.size()];
    for (int i = 0; i < in.length; i++) {
      in[i] = rows(matrices.get(i).columns(), random);
      out[i] = rows(matrices.get(i).rows(), random);
    }
  }

  private static Rows rows(int columns, Random random) {
    float[] values = new float[MAX_TOKENS * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return Rows.of(HostBuffer.over(values), columns);
  }

  private static Tensor tensor(int rows, int columns, String type, Random random) {
    Shape shape = Shape.of(rows, columns);
    if (type.equals("f32")) {
      float[] values = new float[rows * columns];
      for (int i = 0; i < values.length; i++) {
        values[i] = random.nextFloat() - 0.5f;
      }
      return new Tensor(DType.F32, shape, MemorySegment.ofArray(values));
    }
    short[] values = new short[rows * columns];
    for (int i = 0; i < values.length; i++) {
      float value = random.nextFloat() - 0.5f;
      values[i] = type.equals("f16") ? Float.floatToFloat16(value) : DType.toBf16(value);
    }
    DType dtype = type.equals("f16") ? DType.F16 : DType.BF16;
    return new Tensor(dtype, shape, MemorySegment.ofArray(values));
  }

  @Override
  public long applyAsLong(Integer tokens) {
    long start = nanos();
    for (int i = 0; i < in.length; i++) {
      backend.ops().matmul(out[i], in[i], matrices.get(i), tokens);
    }
    return nanos() - start;
  }

  /// Of one thread its own processor time, which others on the machine do not add to.
  private long nanos() {
    return backend.threads() == 1 ? clock.getCurrentThreadCpuTime() : System.nanoTime();
  }

  @Override
  public void close() {
    backend.close();
  }

  @Override
  public String toString() {
    return backend.describe();
  }
}
