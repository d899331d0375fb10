package dev.krait.runner.mixer;

import dev.krait.backend.Backend;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/// Memory of a mixer from its first operation to its last, shared by all: areas that each take as
/// many columns of as they need.
public final class MixerScratch {
  private final Map<Area, Buffer> areas = new EnumMap<>(Area.class);

  /// An area; a mixer's own uses of two of them do not overlap.
  enum Area {
    /// What the input is projected to.
    PROJECTION,
    /// Convolved inputs.
    CONVOLVED,
    /// What is projected from convolved inputs.
    SELECTION,
    /// Step sizes.
    TIME_STEP,
    /// What a gate, norm or activation still reads.
    MIXED,
    /// What the output projection alone reads.
    OPERAND
  }

  /// The widest use of each area.
  public static final class Widths {
    private final Map<Area, Integer> columns = new EnumMap<>(Area.class);

    /// No use yet.
    public Widths() {}

    /// Makes room for a use.
    void include(Area area, int columns) {
      this.columns.merge(area, columns, Math::max);
    }
  }

  /// Memory for steps of up to `maxTokens` rows.
  public MixerScratch(Backend backend, Widths widths, int maxTokens) {
    for (Area area : Area.values()) {
      int columns = widths.columns.getOrDefault(area, 0);
      areas.put(
          area,
          area == Area.OPERAND
              ? backend.allocateOperand(maxTokens, columns).buffer()
              : backend.allocate((long) maxTokens * columns));
    }
  }

  /// An area as dense rows of so many columns.
  Rows rows(Area area, int columns) {
    return Rows.of(Objects.requireNonNull(areas.get(area)), columns);
  }
}
