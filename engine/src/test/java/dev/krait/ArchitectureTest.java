package dev.krait;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.ArchTests;
import com.tngtech.archunit.lang.ArchRule;
import dev.krait.testing.HouseRules;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.instruction.MonitorInstruction;
import java.lang.reflect.AccessFlag;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// The rules of docs/architecture.md, read from the compiled classes of this module.
@AnalyzeClasses(packages = "dev.krait", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest static final ArchTests houseRules = ArchTests.in(HouseRules.class);

  /// One row for each package, lowest first: what it may use of this module. A package may use only
  /// rows above its own, so there is no cycle; `..` adds the packages inside.
  private static final List<Row> TABLE =
      List.of(
          row("error", ""),
          row("constraint", ""),
          row("generation", "constraint error"),
          row("tensor", "error"),
          row("template", ""),
          row("session", "generation error"),
          row("text", "template error"),
          row("cache.pool", "tensor error"),
          row("cache.prefix", "cache.pool generation error"),
          row("cache.sequence", "cache.prefix cache.pool generation error"),
          row("sampling", "constraint generation error"),
          row("scheduler", "sampling cache.sequence cache.prefix cache.pool generation error"),
          row("checkpoint", "tensor error"),
          row("model", "cache.pool tensor error"),
          row("model.family", "model checkpoint tensor error"),
          row("backend", "model sampling generation tensor error"),
          row("backend.reference", "backend model sampling generation tensor error"),
          row("backend.cpu.machine", "backend error"),
          row("backend.cpu.matmul", "backend.cpu.machine backend tensor error"),
          row(
              "backend.cpu",
              "backend.cpu.matmul backend.cpu.machine backend model generation tensor error"),
          row("loading", "backend model model.family checkpoint tensor error"),
          row("runner.mixer", "backend model cache.pool tensor error"),
          row(
              "runner",
              "runner.mixer loading backend model scheduler cache.sequence cache.pool sampling generation"
                  + " tensor error"),
          row(
              "speculation",
              "runner loading backend model scheduler cache.sequence cache.pool sampling generation"
                  + " error"),
          row(
              "engine",
              "speculation runner loading backend model.family model checkpoint scheduler"
                  + " cache.sequence cache.prefix cache.pool session generation tensor text error"));

  private record Row(String name, List<String> uses) {
    String pattern() {
      return "dev.krait." + name;
    }

    ArchRule rule() {
      String[] allowed =
          Stream.concat(Stream.of(name), uses.stream())
              .map(each -> "dev.krait." + each)
              .toArray(String[]::new);
      return noClasses()
          .that()
          .resideInAPackage(pattern())
          .should()
          .dependOnClassesThat(
              resideInAPackage("dev.krait..").and(not(resideInAnyPackage(allowed))))
          .because(name + " may use only " + uses);
    }
  }

  private static Row row(String name, String uses) {
    return new Row(name, uses.isEmpty() ? List.of() : List.of(uses.split(" ")));
  }

  @ArchTest
  static void packagesUseOnlyWhatTheTableAllows(JavaClasses classes) {
    TABLE.forEach(row -> row.rule().check(classes));
  }

  @ArchTest
  static void theTableListsEveryPackageAndUsesOnlyLowerRows(JavaClasses classes) {
    List<String> lower = new ArrayList<>();
    for (Row row : TABLE) {
      assertThat(lower).as("rows above %s", row.name()).containsAll(row.uses());
      lower.add(row.name());
    }
    assertThat(classes)
        .allSatisfy(type ->
            assertThat(TABLE)
                .as("row of %s", type.getPackageName())
                .anyMatch(row -> resideInAPackage(row.pattern()).test(type)));
  }

  @ArchTest
  static void theArchitecturePageHasALineForEveryRow(JavaClasses classes) {
    HouseRules.requireLinesOfArchitecturePage(
        TABLE.stream().map(row -> row.name().replace("..", "")).toList());
  }

  @ArchTest
  static final ArchRule theEngineIsFreeOfServersAndDevices =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "io.netty..", "io.grpc..", "com.google.protobuf..", "jcuda..", "io.micrometer..");

  @ArchTest
  static final ArchRule onlyTheCpuBackendUsesVectors =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.krait.backend.cpu..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jdk.incubator.vector..");

  @ArchTest
  static final ArchRule onlyTextUsesTheTokenizerLibrary =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.krait.text")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("ai.djl..");

  @ArchTest
  static final ArchRule onlySystemCallsAndKernelsCallForeignFunctions =
      noClasses()
          .that()
          .haveNameNotMatching(
              "dev\\.krait\\.backend\\.cpu\\.(machine\\.SystemCalls|matmul\\.TileKernel).*")
          .should()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.lang.foreign.Linker");

  @ArchTest static final ArchRule nothingPrints = noClasses().should(ACCESS_STANDARD_STREAMS);

  @ArchTest
  static void nothingLocks(JavaClasses classes) {
    assertThat(classes).filteredOn(ArchitectureTest::entersMonitor).isEmpty();
  }

  private static boolean entersMonitor(JavaClass type) {
    try (InputStream file = type.getSource().orElseThrow().getUri().toURL().openStream()) {
      ClassModel model = ClassFile.of().parse(file.readAllBytes());
      return model.methods().stream().anyMatch(ArchitectureTest::entersMonitor);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean entersMonitor(MethodModel method) {
    return method.flags().has(AccessFlag.SYNCHRONIZED)
        || method.code().stream()
            .flatMap(code -> code.elementStream())
            .anyMatch(MonitorInstruction.class::isInstance);
  }
}
