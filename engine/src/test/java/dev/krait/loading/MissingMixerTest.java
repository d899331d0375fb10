package dev.krait.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.backend.Backend;
import dev.krait.backend.NumericMode;
import dev.krait.backend.Ops;
import dev.krait.backend.reference.ReferenceBackend;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.model.Mixer;
import dev.krait.model.RoutedMlp;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.WeightMatrix;
import dev.krait.testing.GoldenModel;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// A backend that lacks an operation refuses a model that needs it, by name, before it loads it.
class MissingMixerTest {

  /// A backend without mixtures of experts.
  private record WithoutExperts(Backend other) implements Backend {
    @Override
    public Optional<String> missing(Mixer mixer) {
      return mixer instanceof RoutedMlp ? Optional.of("experts") : Optional.empty();
    }

    @Override
    public String name() {
      return other.name();
    }

    @Override
    public String describe() {
      return other.describe();
    }

    @Override
    public Ops ops() {
      return other.ops();
    }

    @Override
    public NumericMode numericMode() {
      return other.numericMode();
    }

    @Override
    public Buffer allocate(DType type, long elements) {
      return other.allocate(type, elements);
    }

    @Override
    public boolean supports(StoredMatrix matrix) {
      return other.supports(matrix);
    }

    @Override
    public WeightMatrix upload(StoredMatrix matrix) {
      return other.upload(matrix);
    }

    @Override
    public void close() {
      other.close();
    }
  }

  @Test
  void refusesAModelThatNeedsIt() {
    try (Backend backend = new WithoutExperts(new ReferenceBackend());
        ModelLoader loader = ModelLoader.open(GoldenModel.folder("jamba"))) {
      assertThatThrownBy(() -> loader.load(backend, StoredType.STORED))
          .isInstanceOfSatisfying(
              EngineException.class,
              refused -> assertThat(refused.code()).isEqualTo(ErrorCode.UNSUPPORTED))
          .hasMessage(
              "model Jamba: the backend reference does not have experts yet (expected: --backend cpu)");
    }
  }

  @Test
  void loadsOneThatDoesNot() {
    try (Backend backend = new WithoutExperts(new ReferenceBackend());
        ModelLoader loader = ModelLoader.open(GoldenModel.folder("bamba"))) {
      assertThat(loader.load(backend, StoredType.STORED).weightBytes()).isPositive();
    }
  }
}
