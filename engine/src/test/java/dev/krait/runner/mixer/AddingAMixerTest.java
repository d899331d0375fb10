package dev.krait.runner.mixer;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.krait.model.Mixer;
import dev.krait.model.MixerWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// What docs/adding-a-mixer.md promises: a kind of mixer has no other places than those listed.
class AddingAMixerTest {
  private static final JavaClasses MODULE =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.krait");
  private static final Pattern QUOTED_PATH = Pattern.compile("`([a-z-]+/[\\w./-]+)`");

  /// Where the page sends the author of a mixer, and the families that use it.
  private static final List<String> PLACES =
      List.of(
          "dev.krait.model",
          "dev.krait.model.family",
          "dev.krait.runner.mixer",
          "dev.krait.backend",
          "dev.krait.backend.reference",
          "dev.krait.backend.cpu");

  @Test
  void noOtherPackageKnowsAKindOfMixer() {
    List<JavaClass> kinds =
        MODULE.stream()
            .filter(
                type -> type.isAssignableTo(Mixer.class) || type.isAssignableTo(MixerWeights.class))
            .filter(type -> !type.isInterface())
            .toList();

    assertThat(kinds).hasSizeGreaterThan(8);
    assertThat(MODULE)
        .filteredOn(type -> !PLACES.contains(type.getPackageName()))
        .allSatisfy(type ->
            assertThat(type.getDirectDependenciesFromSelf())
                .extracting(Dependency::getTargetClass)
                .doesNotContainAnyElementsOf(kinds));
  }

  @Test
  void everyKindHasAnExecutorNamedAfterIt() {
    List<String> kinds =
        MODULE.stream()
            .filter(type -> type.isAssignableTo(Mixer.class) && !type.isInterface())
            .map(JavaClass::getSimpleName)
            .toList();

    assertThat(kinds)
        .allSatisfy(kind ->
            assertThat(MODULE.contain("dev.krait.runner.mixer." + kind + "Executor")).isTrue());
  }

  @Test
  void theStepsNameFilesThatExist() throws IOException {
    Path repository = Path.of(System.getProperty("krait.repo", ".."));
    String page = Files.readString(repository.resolve("docs/adding-a-mixer.md"));

    List<String> paths =
        QUOTED_PATH.matcher(page).results().map((MatchResult found) -> found.group(1)).toList();

    assertThat(paths)
        .hasSizeGreaterThan(10)
        .allSatisfy(path -> assertThat(repository.resolve(path)).exists());
  }
}
