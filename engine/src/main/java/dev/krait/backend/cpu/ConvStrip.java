package dev.krait.backend.cpu;

import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.Lanes;
import jdk.incubator.vector.FloatVector;

/// The causal convolution of all tokens over a strip of channels; a lane is a channel. One instance
/// for each thread.
@SuppressWarnings("NullAway.Init")
final class ConvStrip {
  static final int WIDTH = 128;
  private static final float[] ZEROS = new float[0];

  private final ConvTask task;
  private int channel;
  private int count;

  /// For each tap, the memory that its input lies in and where; the first float is the row's.
  private float[][] sources = new float[0][];

  private int[] sourceFrom = new int[0];

  ConvStrip(ConvTask task) {
    this.task = task;
  }

  void convolve(int channel) {
    this.channel = channel;
    count = Math.min(WIDTH, task.dst.columns() - channel);
    if (sources.length != task.width) {
      sources = new float[task.width][];
      sourceFrom = new int[task.width];
    }
    StepInputs step = task.step;
    for (int s = 0; s < step.sequences; s++) {
      for (int j = 0; j < step.tokenCount[s]; j++) {
        token(s, j);
      }
    }
  }

  private void token(int s, int j) {
    int row = task.step.firstToken[s] + j;
    int first = task.step.firstPosition[s] + j - task.width + 1;
    for (int k = 0; k < task.width; k++) {
      int back = task.width - 1 - k;
      if (first + k < 0) {
        sources[k] = ZEROS;
      } else if (back > j) {
        sources[k] = task.ring;
        sourceFrom[k] = task.ringRow(s, first + k);
      } else {
        sources[k] = HostRows.floats(task.x);
        sourceFrom[k] = HostRows.at(task.x, row - back);
      }
    }
    int skipped = Math.max(0, -first);
    int to = HostRows.at(task.dst, row) + channel;
    for (int c = 0; c < count; ) {
      int within = (channel + c) % task.groupWidth;
      int run = Math.min(task.groupWidth - within, count - c);
      int source = (channel + c) / task.groupWidth / task.repeat * task.groupWidth + within;
      convolve(c, c + run, source - c, to, skipped);
      c += run;
    }
    ActivationLoops.apply(task.activation, HostRows.floats(task.dst), to, count);
  }

  /// Channels `[first, end)` of the strip; taps before `skipped` are before the sequence.
  private void convolve(int first, int end, int source, int to, int skipped) {
    float[] out = HostRows.floats(task.dst);
    int channels = task.dst.columns();
    int whole = first + Lanes.whole(end - first);
    for (int c = first; c < whole; c += Lanes.COUNT) {
      FloatVector sum = FloatVector.fromArray(Lanes.FLOATS, task.bias, channel + c);
      for (int k = skipped; k < task.width; k++) {
        FloatVector in =
            FloatVector.fromArray(Lanes.FLOATS, sources[k], sourceFrom[k] + source + c);
        sum =
            in.fma(FloatVector.fromArray(Lanes.FLOATS, task.taps, k * channels + channel + c), sum);
      }
      sum.intoArray(out, to + c);
    }
    for (int c = whole; c < end; c++) {
      float sum = task.bias[channel + c];
      for (int k = skipped; k < task.width; k++) {
        float in = sources[k][sourceFrom[k] + source + c];
        sum = Math.fma(in, task.taps[k * channels + channel + c], sum);
      }
      out[to + c] = sum;
    }
  }
}
