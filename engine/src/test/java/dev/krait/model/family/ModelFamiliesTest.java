package dev.krait.model.family;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// What docs/adding-a-model.md promises: a family is one file and one line.
class ModelFamiliesTest {
  private static final JavaClasses MODULE =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.krait");
  private static final Pattern QUOTED_PATH = Pattern.compile("`([a-z-]+/[\\w./-]+)`");

  private static List<JavaClass> families() {
    return MODULE.stream()
        .filter(type -> type.isAssignableTo(ModelFamily.class) && !type.isInterface())
        .toList();
  }

  @Test
  void everyFamilyIsListedOnce() {
    List<String> listed =
        ModelFamilies.all().stream().map(family -> family.getClass().getName()).toList();

    assertThat(listed).doesNotHaveDuplicates();
    assertThat(families())
        .extracting(JavaClass::getName)
        .containsExactlyInAnyOrderElementsOf(listed);
  }

  @Test
  void nothingOutsideOfThePackageKnowsAFamily() {
    assertThat(families())
        .isNotEmpty()
        .allSatisfy(family -> assertThat(strangers(family)).isEmpty());
  }

  private static Set<String> strangers(JavaClass family) {
    return MODULE.stream()
        .filter(type -> !type.getPackageName().equals(ModelFamily.class.getPackageName()))
        .filter(type ->
            type.getDirectDependenciesFromSelf().stream()
                .anyMatch(use -> topLevel(use.getTargetClass()).equals(family.getName())))
        .map(JavaClass::getName)
        .collect(Collectors.toSet());
  }

  private static String topLevel(JavaClass type) {
    return type.getName().replaceAll("\\$.*", "");
  }

  @Test
  void theStepsNameFilesThatExist() throws IOException {
    Path repository = Path.of(System.getProperty("krait.repo", ".."));
    String page = Files.readString(repository.resolve("docs/adding-a-model.md"));

    List<String> paths =
        QUOTED_PATH.matcher(page).results().map((MatchResult found) -> found.group(1)).toList();

    assertThat(paths)
        .hasSizeGreaterThan(3)
        .allSatisfy(path -> assertThat(repository.resolve(path)).exists());
  }
}
